package store

import (
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/sharing"
)

// What a vendor may know of its own hidden submission, and nothing else: that it
// was entered, and from its tick on how it ended (a reason class) and what was
// released. Until then it reads as queued, whatever happens; no time, size,
// count, order or id depends on the run. A change here is a change of policy.

// whole reports whether the scope may see things of org whole. Someone who is
// both a vendor and a reviewer or steward is a vendor to her own organisation's
// hidden runs.
func whole(s policies.Scope, org aihub.OrgID) bool {
	a := s.Actor()
	return s.All() && !(a.Has(aihub.Vendor) && a.Org == org)
}

// sees reports whether the scope may know that a thing of org exists. An
// operator's own organisation gives it no sight of submissions.
func sees(s policies.Scope, org aihub.OrgID) bool {
	return whole(s, org) || (s.Actor().Has(aihub.Vendor) && s.Sees(org))
}

// seesSealed reports whether the scope may see sealed values of org: the
// platform's own, and reviewers of other organisations.
func seesSealed(s policies.Scope, org aihub.OrgID) bool {
	a := s.Actor()
	return isPlatform(s) || (whole(s, org) && a.Has(aihub.Reviewer) && a.Org != org)
}

func isPlatform(s policies.Scope) bool { return s.Actor().User == policies.Platform().User }

// due reports whether the tick has come at which the outcome of a hidden
// submission may be seen.
func (s submissionRow) due(now time.Time) bool {
	return !s.VisibleAt.IsZero() && !s.VisibleAt.After(now)
}

// shown reports whether the outcome of a hidden submission may be seen. A failure
// waits for its account: what a scoring that failed tells of labels is charged
// before anybody sees it, whatever ends the platform between the two; and which
// failures are charged does not show in when they are seen. An answer is charged
// by its release.
func (s submissionRow) shown(now time.Time) bool {
	return s.due(now) && (s.settled || s.State != aihub.SubmissionFailed)
}

// collapse is what a vendor learns of why its hidden run ended badly: what it or
// a person did it knows, all else is sharing's to say.
func collapse(f aihub.Failure) aihub.Failure {
	if f.Reason == aihub.ReasonCancelled || f.Owner == aihub.FaultPolicy {
		return aihub.Failure{Owner: f.Owner, Reason: f.Reason}
	}
	return sharing.Failure(aihub.RunInfer, f)
}

func redactSubmission(s policies.Scope, row submissionRow, now time.Time) aihub.Submission {
	sub := row.Submission
	if whole(s, sub.Org) || sub.Smoke {
		return sub
	}
	if !row.shown(now) {
		sub.State, sub.Fault, sub.VisibleAt = aihub.SubmissionQueued, aihub.Failure{}, time.Time{}
		return sub
	}
	sub.Fault = collapse(sub.Fault)
	return sub
}

// redactRun returns what the scope may see of a run, and whether it may see
// that there is one. Of a hidden submission a vendor sees one run, the first,
// as if retries and scoring did not exist.
func redactRun(s policies.Scope, r aihub.Run, sub submissionRow, now time.Time) (aihub.Run, bool) {
	r.RowKey = nil
	if whole(s, sub.Org) {
		return r, true
	}
	r.Worker = ""
	if sub.Smoke {
		return r, true
	}
	if r.Kind == aihub.RunScore || r.Attempt != 1 {
		return aihub.Run{}, false
	}
	v := aihub.Run{
		ID: r.ID, Submission: r.Submission, Scenario: r.Scenario, Org: r.Org, Kind: r.Kind, Part: r.Part,
		Attempt: 1, State: aihub.RunQueued, Image: r.Image, CreatedAt: sub.CreatedAt,
	}
	if sub.shown(now) {
		v.Fault, v.FinishedAt = collapse(sub.Fault), sub.VisibleAt
		switch sub.State {
		case aihub.SubmissionFailed:
			v.State = aihub.RunFailedState
		case aihub.SubmissionCancelled:
			v.State = aihub.RunCancelled
		default:
			v.State = aihub.RunSucceeded
		}
	}
	return v, true
}

// redactEvents keeps the events that the scope may see now. A vendor's are
// numbered anew, because the numbers between them would count hidden ones.
func redactEvents(s policies.Scope, list []event, sub submissionRow, now time.Time) []aihub.Event {
	out := []aihub.Event{}
	for _, e := range list {
		if whole(s, sub.Org) || sub.Smoke {
			out = append(out, e.Event)
			continue
		}
		if e.Type == "run" || e.Type == "log" || e.show.After(now) || aihub.SubmissionState(e.State) == aihub.SubmissionFailed && !sub.shown(now) {
			continue
		}
		v := aihub.Event{Seq: int64(len(out) + 1), Submission: e.Submission, Type: e.Type, State: e.State, At: e.At}
		if !e.show.IsZero() {
			v.At = e.show
		}
		out = append(out, v)
	}
	return out
}

// seesDataset: what is not published is for those who decide on it.
func seesDataset(s policies.Scope, v aihub.DatasetVersion) bool {
	return v.State == aihub.DatasetPublished || s.All()
}

// redactDataset keeps back the digests of everything but the public sample: a
// digest confirms a guess at the whole file. So it does what those who decided said
// to one another: of a published version that is what a reviewer found in it.
func redactDataset(s policies.Scope, v aihub.DatasetVersion) aihub.DatasetVersion {
	if s.All() {
		return v
	}
	v.Raw, v.Split, v.MaskKey, v.Reason, v.EraseReason = "", "", "", "", ""
	parts := make([]aihub.PartFile, len(v.Parts))
	for i, p := range v.Parts {
		if p.Part != aihub.Sample {
			p.Input, p.Truth, p.Files = "", "", ""
		}
		parts[i] = p
	}
	v.Parts = parts
	return v
}

// redactScore returns what the scope may see of a score, and whether it may see
// that there is one: anyone sees what was released, its own vendor from the tick
// on that there is a score, reviewers the sealed values too.
func redactScore(s policies.Scope, sc scoreRow, now time.Time) (aihub.Score, bool) {
	v := sc.Score
	released := sc.release == aihub.ReleaseReleased
	if !released {
		v.Released, v.Note, v.ReleasedAt, v.Proof = nil, "", time.Time{}, nil
	}
	if !seesSealed(s, v.Org) {
		v.Sealed = nil
	}
	if whole(s, v.Org) {
		return v, true
	}
	if !released && !(sees(s, v.Org) && !sc.due.After(now)) {
		return aihub.Score{}, false
	}
	v.Run, v.ScoredAt = "", sc.due
	if !sees(s, v.Org) {
		v.Bits = 0
	}
	return v, true
}

// redactRelease returns what the scope may see of a release. Until a reviewer
// has voted, the first vote is hidden from her; a vendor never sees votes, nor
// the digest of what would leave.
func redactRelease(s policies.Scope, r aihub.Release, now time.Time) (aihub.Release, bool) {
	if whole(s, r.Org) {
		if isPlatform(s) || (r.State != aihub.ReleaseReview1 && r.State != aihub.ReleaseReview2) {
			return r, true
		}
		for _, v := range r.Votes {
			if v.By == s.Actor().User {
				return r, true
			}
		}
		r.Votes = nil
		return r, true
	}
	if !sees(s, r.Org) || r.DueAt.After(now) {
		return aihub.Release{}, false
	}
	r.Content, r.Votes, r.CreatedAt = "", nil, r.DueAt
	return r, true
}
