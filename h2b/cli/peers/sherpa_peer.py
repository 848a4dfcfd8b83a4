"""sherpa-onnx with the files of Moonshine: `encoder`, `decoder` and `tokens` in the options.

Source: the docstring of `OfflineRecognizer.from_moonshine_v2`.
"""

from array import array
from collections.abc import Mapping
from typing import Any

import sherpa_onnx

PACKAGES = ("sherpa-onnx", "sherpa-onnx-core")
FULL_SCALE = 32768


class Sherpa:
    """One recogniser; each recording is a stream of its own."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._recogniser = sherpa_onnx.OfflineRecognizer.from_moonshine_v2(
            encoder=options["encoder"], decoder=options["decoder"], tokens=options["tokens"], num_threads=1
        )

    def prepare(self, question: Mapping[str, Any]) -> None:
        """It takes no grammar."""

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """Its words."""
        stream = self._recogniser.create_stream()
        stream.accept_waveform(rate, [sample / FULL_SCALE for sample in array("h", samples)])
        self._recogniser.decode_stream(stream)
        return {"text": stream.result.text}


def load(options: Mapping[str, Any]) -> Sherpa:
    """See `answering`."""
    return Sherpa(options)
