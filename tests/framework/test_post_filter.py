"""What several plugins say after a failure, put together."""

from scheduler.framework.post_filter import Nominating, Outcome, PostFilterPlugin, PostFilterResult, run_post_filters


class Saying(PostFilterPlugin):
    def __init__(self, result):
        self.name = "Saying"
        self.result = result
        self.asked = 0

    def post_filter(self, attempt):
        self.asked += 1
        return self.result


def a_result(outcome, message="m", nominating=Nominating.SET):
    return PostFilterResult(outcome, message, nominating)


def run(*results):
    plugins = [Saying(result) for result in results]
    return run_post_filters(plugins, None), [plugin.asked for plugin in plugins]


def test_nobody_has_anything_to_say():
    assert run() == (None, [])
    assert run(None, None) == (None, [1, 1])


def test_the_first_success_or_error_ends_it():
    for outcome in (Outcome.SUCCESS, Outcome.ERROR):
        last = a_result(outcome)
        assert run(a_result(Outcome.UNSCHEDULABLE), last, a_result(Outcome.UNSCHEDULABLE)) == (last, [1, 1, 0])


def test_otherwise_all_messages_are_kept_and_the_last_nomination():
    found, _ = run(a_result(Outcome.UNSCHEDULABLE, "a"), None, a_result(Outcome.UNSCHEDULABLE, "b", Nominating.KEEP))
    assert (found.outcome, found.message, found.nominating) == (Outcome.UNSCHEDULABLE, "a, b", Nominating.KEEP)
    assert found.node == ""
