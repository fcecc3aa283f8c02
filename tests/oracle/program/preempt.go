package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-helpers/scheduling/corev1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	upstream "k8s.io/kubernetes/pkg/scheduler/framework/preemption"
)

// postFilter runs PostFilter after an attempt that found no node, and explains what preemption saw.
func (cluster *cluster) postFilter(given *answer, state fwk.CycleState, unfit *framework.FitError) error {
	result, status := cluster.profile.RunPostFilterPlugins(cluster.ctx, state, cluster.pod.Pod, unfit.Diagnosis.NodeToStatus)
	unfit.Diagnosis.PostFilterMsg = status.Message()
	given.FitErrorFull = unfit.Error()
	given.Preemption = &preemption{Code: status.Code().String(), Message: status.Message()}
	if status.IsSuccess() == (result == nil || result.NominatingInfo == nil || result.NominatedNodeName == "") {
		return fmt.Errorf("PostFilter ended with %v and nominated %v", status, result)
	}
	// Only an attempt that went through the dry runs ends with a nomination, be it of no node.
	if result == nil {
		return nil
	}
	candidates, err := cluster.dryRun(given.Preemption, state, unfit)
	if err != nil || result.NominatedNodeName == "" {
		return err
	}
	nominated := best(candidates)
	if !slices.Contains(nominated, result.NominatedNodeName) {
		return unstable{fmt.Sprintf("PostFilter nominated %s, which is none of %v", result.NominatedNodeName, nominated)}
	}
	given.Preemption.NominatedNodes = nominated
	given.Preemption.NominatedNode = nominated[0]
	given.Preemption.Victims = given.Preemption.Candidates[nominated[0]].Victims
	if len(nominated) > 1 { // the texts would name any one of them
		given.Preemption.Message = ""
		given.FitErrorFull = ""
	}
	return nil
}

// dryRun repeats the dry runs, which PostFilter does not tell of, with a plugin of the same kind.
func (cluster *cluster) dryRun(seen *preemption, state fwk.CycleState, unfit *framework.FitError) ([]upstream.Candidate, error) {
	plugin, err := defaultpreemption.New(cluster.ctx, preemptionArguments, cluster.profile,
		feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
	if err != nil {
		return nil, err
	}
	potential, err := unfit.Diagnosis.NodeToStatus.NodesForStatusCode(cluster.snapshot.NodeInfos(), fwk.Unschedulable)
	if err != nil || len(potential) == 0 {
		return nil, err
	}
	budgets, err := plugin.Evaluator.PdbLister.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	candidates, statuses, err := plugin.Evaluator.DryRunPreemption(
		cluster.ctx, state, cluster.pod.Pod, potential, budgets, 0, int32(len(potential)))
	if err != nil && len(candidates) == 0 {
		return nil, err
	}
	seen.Candidates = map[string]candidate{}
	for _, each := range candidates {
		victims := each.Victims()
		seen.Candidates[each.Name()] = candidate{podNames(victims.Pods), victims.NumPDBViolations}
	}
	seen.Rejected = map[string]*verdict{}
	statuses.ForEachExplicitNode(func(node string, status *fwk.Status) { seen.Rejected[node] = newVerdict(status) })
	return candidates, nil
}

var preemptionArguments = func() *config.DefaultPreemptionArgs {
	for _, plugin := range defaultProfile.PluginConfig {
		if arguments, found := plugin.Args.(*config.DefaultPreemptionArgs); found {
			return arguments
		}
	}
	panic("the default configuration has no arguments for " + defaultpreemption.Name)
}()

func podNames(pods []*v1.Pod) []string {
	names := make([]string, len(pods))
	for index, pod := range pods {
		names[index] = pod.Namespace + "/" + pod.Name
	}
	return names
}

// best lists the candidates among which upstream chooses by chance, in the order of their names. Upstream returns only
// the one that it chose, so its five criteria (pickOneNodeForPreemption) are stated once more here; postFilter checks
// that the chosen one is among them.
func best(candidates []upstream.Candidate) []string {
	now := time.Now()
	slices.SortFunc(candidates, func(one, other upstream.Candidate) int { return cmp.Compare(one.Name(), other.Name()) })
	var names []string
	var least []int64
	for _, each := range candidates {
		cost := cost(each.Victims(), now)
		order := slices.Compare(cost, least)
		if least == nil || order < 0 {
			names, least = nil, cost
			order = 0
		}
		if order == 0 {
			names = append(names, each.Name())
		}
	}
	return names
}

// cost is what a candidate is compared by, the most important first, the least preferred.
func cost(victims *extenderv1.Victims, now time.Time) []int64 {
	highest := corev1.PodPriority(victims.Pods[0])
	var sum int64
	earliest := now // of those with the highest priority; a pod that has not started counts as started now
	for _, pod := range victims.Pods {
		priority := corev1.PodPriority(pod)
		sum += int64(priority) + 1<<31
		if started := pod.Status.StartTime; priority == highest && started != nil && started.Time.Before(earliest) {
			earliest = started.Time
		}
	}
	return []int64{victims.NumPDBViolations, int64(highest), sum, int64(len(victims.Pods)), -earliest.UnixNano()}
}
