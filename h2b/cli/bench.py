"""`h2b bench`: the verbs that measure."""

from h2b.cli.bench_accuracy import accuracy
from h2b.cli.bench_compare import compare
from h2b.cli.bench_idle import idle
from h2b.cli.bench_latency import latency
from h2b.cli.bench_load import load
from h2b.cli.bench_report import report
from h2b.cli.main import Verbs

bench = Verbs("bench", help="Measure accuracy, delay and load, and report the results.")
bench.add_command(accuracy, "accuracy")
bench.add_command(compare, "compare")
bench.add_command(idle, "idle")
bench.add_command(latency, "latency")
bench.add_command(load, "load")
bench.add_command(report, "report")
