"""A rule that every file has to keep, as one test: one for each file took longer than the rule."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def in_each(paths):
    """Check all files with the decorated function; fail with what each wrong one says.

    :param paths: of the files; the function gets one of them.
    """

    def one_test(check):
        def test():
            failures = []
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    failures.append(f"{path.relative_to(ROOT)}: {error}")
            assert not failures, "\n".join(failures)

        test.__doc__ = check.__doc__
        return test

    return one_test
