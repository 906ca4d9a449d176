"""What the project asks of its own speed, judged by the stored run of ``make bench``: the worst of its rows."""

from mnistbook import results
from mnistbook.ch19_where_the_time_goes.bench import report

if __name__ == "__main__":
    print(report.judged(results.read("bench")))
