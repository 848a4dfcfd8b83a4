"""Speech models under the `SpeechModel` contract. A module here may import its engine, and no other module may.

Callers are nobody else's business: newer versions of onnxruntime keep records of their use and send them to their
maker, unless they are told not to before the first model is loaded. They are told here.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
