package main

import (
	"encoding/json"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

// answer is what kube-scheduler does with the pod. Maps are written in the order of their keys.
type answer struct {
	ID             json.RawMessage     `json:"id"`
	PreEnqueue     *verdict            `json:"preenqueue,omitempty"`
	PreFilter      *verdict            `json:"prefilter"`
	PreFilterNodes []string            `json:"prefilter_nodes,omitempty"`
	Nodes          map[string]*verdict `json:"nodes"`
	Scores         map[string]score    `json:"scores"`
	ScoreError     string              `json:"score_error,omitempty"`
	Hosts          []string            `json:"hosts"`
	Error          string              `json:"error,omitempty"`
	FitError       string              `json:"fit_error,omitempty"`
	FitErrorFull   string              `json:"fit_error_full,omitempty"`
	Preemption     *preemption         `json:"preemption,omitempty"`
}

// refusal answers a line that cannot be decided: it is wrong, or chance decides more than which host is chosen.
type refusal struct {
	ID       json.RawMessage `json:"id"`
	Error    string          `json:"error"`
	Unstable bool            `json:"unstable,omitempty"`
}

// unstable is the error of a decision that disagrees with one that was made a moment before.
type unstable struct{ text string }

func (err unstable) Error() string {
	return "the decision changes from one time to the next: " + err.text
}

// verdict is a status of the scheduler.
type verdict struct {
	Code    string   `json:"code"`
	Plugin  string   `json:"plugin,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	Filter  *verdict `json:"filter,omitempty"`
}

type score struct {
	Total   int64            `json:"total"`
	Plugins map[string]int64 `json:"plugins"`
}

type preemption struct {
	Code           string               `json:"code"`
	Message        string               `json:"message,omitempty"`
	NominatedNode  string               `json:"nominated_node"`
	NominatedNodes []string             `json:"nominated_nodes,omitempty"`
	Victims        []string             `json:"victims,omitempty"`
	Candidates     map[string]candidate `json:"candidates,omitempty"`
	Rejected       map[string]*verdict  `json:"rejected,omitempty"`
}

type candidate struct {
	Victims       []string `json:"victims"`
	PDBViolations int64    `json:"pdb_violations"`
}

// newVerdict writes a status down, with sorted reasons: some plugins find them by walking a map.
func newVerdict(status *fwk.Status) *verdict {
	if status.IsSuccess() {
		return &verdict{Code: fwk.Success.String()}
	}
	reasons := slices.Clone(status.Reasons())
	slices.Sort(reasons)
	return &verdict{Code: status.Code().String(), Plugin: status.Plugin(), Reasons: reasons}
}
