package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// answerLine answers one line, whatever is wrong with it.
func answerLine(line []byte, number int) (given any) {
	asked, err := parseLine(line)
	defer func() {
		if fault := recover(); fault != nil {
			given = refuse(asked, fmt.Errorf("the scheduler panics: %v", fault))
		}
	}()
	if asked.ID == nil {
		asked.ID = []byte("null")
	}
	if err != nil {
		return refuse(asked, fmt.Errorf("line %d: %w", number, err))
	}
	if asked.Store {
		stored, err := storeCase(asked)
		if err != nil {
			return refuse(asked, err)
		}
		return stored
	}
	decided, err := decideCase(asked)
	if err != nil {
		return refuse(asked, err)
	}
	return decided
}

func refuse(asked caseLine, err error) refusal {
	return refusal{asked.ID, err.Error(), errors.As(err, &unstable{})}
}

// decideCase builds the cluster and asks it everything. Its error means that there is no answer; that the pod cannot be
// scheduled is an answer.
func decideCase(asked caseLine) (*answer, error) {
	read, err := readCase(asked)
	if err != nil {
		return nil, err
	}
	cluster, done, err := newCluster(read)
	if err != nil {
		return nil, err
	}
	defer done()
	given := &answer{ID: asked.ID, Nodes: map[string]*verdict{}, Scores: map[string]score{}, Hosts: []string{}}
	given.PreEnqueue = cluster.preEnqueue()
	if err := cluster.askEveryNode(given); err != nil {
		return nil, err
	}
	err = cluster.schedule(given)
	// A panic in a goroutine leaves out what it would have computed, so that nothing agrees any more.
	if fault := cluster.faults.err(); fault != nil {
		return nil, fault
	}
	return given, err
}

// preEnqueue asks whether the pod would reach the queue.
func (cluster *cluster) preEnqueue() *verdict {
	for _, plugin := range cluster.profile.PreEnqueuePlugins() {
		if status := plugin.PreEnqueue(cluster.ctx, cluster.pod.Pod); !status.IsSuccess() {
			return newVerdict(status.WithPlugin(plugin.Name()))
		}
	}
	return nil
}

// askEveryNode runs PreFilter, Filter on every node, and the scoring of the nodes that fit, as an attempt would that
// looks at everything.
func (cluster *cluster) askEveryNode(given *answer) error {
	nodes, err := cluster.snapshot.NodeInfos().List()
	if err != nil {
		return err
	}
	state := framework.NewCycleState()
	narrowed, status, plugins := cluster.profile.RunPreFilterPlugins(cluster.ctx, state, cluster.pod.Pod)
	if !status.IsSuccess() {
		given.PreFilter = newVerdict(status)
		for _, node := range nodes {
			given.Nodes[node.Node().Name] = newVerdict(status)
		}
		return nil
	}
	if !narrowed.AllNodes() {
		given.PreFilterNodes = sets.List(narrowed.NodeNames)
	}
	var feasible []fwk.NodeInfo
	for _, node := range nodes {
		name := node.Node().Name
		status := cluster.profile.RunFilterPluginsWithNominatedPods(cluster.ctx, state, cluster.pod.Pod, node)
		given.Nodes[name] = newVerdict(status)
		if narrowed.AllNodes() || narrowed.NodeNames.Has(name) {
			if status.IsSuccess() {
				feasible = append(feasible, node)
			}
			continue
		}
		left := newVerdict(leftOut(plugins))
		left.Filter = given.Nodes[name]
		given.Nodes[name] = left
	}
	return cluster.score(given, state, feasible)
}

// leftOut is the status of the nodes that PreFilter left out, which the scheduler makes inside an attempt.
func leftOut(plugins sets.Set[string]) *fwk.Status {
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", sets.List(plugins)))
}

func (cluster *cluster) score(given *answer, state fwk.CycleState, feasible []fwk.NodeInfo) error {
	if len(feasible) == 0 {
		return nil
	}
	if status := cluster.profile.RunPreScorePlugins(cluster.ctx, state, cluster.pod.Pod, feasible); !status.IsSuccess() {
		given.ScoreError = status.AsError().Error()
		return nil
	}
	scores, status := cluster.profile.RunScorePlugins(cluster.ctx, state, cluster.pod.Pod, feasible)
	if !status.IsSuccess() {
		given.ScoreError = status.AsError().Error()
		return nil
	}
	for _, node := range scores {
		plugins := map[string]int64{}
		for _, plugin := range node.Scores {
			plugins[plugin.Name] = plugin.Score
		}
		given.Scores[node.Name] = score{node.TotalScore, plugins}
	}
	return nil
}

// schedule makes the attempt itself, and checks that it agrees with what every node said.
func (cluster *cluster) schedule(given *answer) error {
	state := framework.NewCycleState()
	state.Write(framework.PodsToActivateKey, framework.NewPodsToActivate())
	result, err := cluster.scheduler.SchedulePod(cluster.ctx, cluster.profile, state, cluster.pod)
	var unfit *framework.FitError
	switch {
	case err == nil:
		given.Hosts = hosts(given, cluster.pod.Pod)
		if !slices.Contains(given.Hosts, result.SuggestedHost) {
			return unstable{fmt.Sprintf("the attempt chose %s, which is none of %v", result.SuggestedHost, given.Hosts)}
		}
		return nil
	case errors.Is(err, scheduler.ErrNoNodesAvailable) || !errors.As(err, &unfit):
		given.Error = err.Error()
		return nil
	}
	given.FitError = unfit.Error()
	for name := range given.Nodes {
		said := newVerdict(unfit.Diagnosis.NodeToStatus.Get(name))
		said.Filter = given.Nodes[name].Filter
		given.Nodes[name] = said
	}
	return cluster.postFilter(given, state, unfit)
}

// hosts lists the nodes that an attempt may choose. The nominated node is tried before, and without, the others.
func hosts(given *answer, pod *v1.Pod) []string {
	nominated := given.Nodes[pod.Status.NominatedNodeName]
	if nominated != nil && cmp.Or(nominated.Filter, nominated).Code == fwk.Success.String() {
		return []string{pod.Status.NominatedNodeName}
	}
	chosen := []string{}
	greatest := int64(-1)
	for name, verdict := range given.Nodes {
		if verdict.Code != fwk.Success.String() {
			continue
		}
		total := given.Scores[name].Total // all the same, 0, where a single node fits that could not be scored
		if total > greatest {
			chosen, greatest = chosen[:0], total
		}
		if total == greatest {
			chosen = append(chosen, name)
		}
	}
	slices.Sort(chosen)
	return chosen
}
