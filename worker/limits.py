"""The limits of a budget while a job runs, and what its search does next once they have closed it."""

import logging
from collections.abc import Sequence

from store import overview, reports, slots, spending, verbs
from store.sessions import Database
from worker import closing
from worker.claim import Claim
from worker.search import Done, Proposal, Row, Wait, decide

log = logging.getLogger(__name__)


def close_when_spent(database: Database, claim: Claim, rows: Sequence[Row]) -> bool:
    """Close the search where a limit of the budget is reached; whether it was.

    Raises:
        Fenced: the job is another worker's.
    """
    budget = claim.spec.budget
    if claim.search_closed or not closing.has_limits(budget):
        return False
    if closing.has_proposed_all(claim.spec, claim.plan, rows):
        return False  # the search is over by itself: the limit has ended nothing
    with database.read() as session:
        spent = spending.spent(session, claim.job_id)
        seconds = overview.recent_seconds(session, claim.job_id) or reports.paces(session, claim.job_id)
        count, share = slots.count_of(session, claim.job_id), spending.mean_share(session, claim.job_id)
    kept = closing.reserve(claim.spec, claim.plan, rows, seconds, count, share)
    limit = closing.spent_limit(budget, spent, kept)
    if limit is None:
        return False
    with database.write() as session:
        at_once = budget.when_spent == "stop"
        verbs.close_search(session, claim.job_id, claim.token, *limit, stop_running=at_once)
    log.info("Job %s: %s", claim.job_id, limit[1])
    return True


def decide_next(claim: Claim, rows: Sequence[Row]) -> Proposal | Wait | Done:
    """What the search does next; a closed one goes on with the confirmations, if there is something to confirm."""
    if not claim.search_closed:
        return decide(claim.spec, claim.plan, rows, claim.starts)
    if closing.is_without_answer(rows):
        return Done() if all(row.ended for row in rows) else Wait()
    return decide(closing.closed(claim.spec, rows), claim.plan, rows)
