"""The report."""


def write_report(run, out=None):
    return None
