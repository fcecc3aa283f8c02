package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	v1 "k8s.io/api/core/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// cluster is a real scheduler that has seen the objects of one case, and is about to decide its pod.
type cluster struct {
	ctx       context.Context
	scheduler *scheduler.Scheduler
	profile   framework.Framework
	snapshot  *internalcache.Snapshot
	pod       *framework.QueuedPodInfo
	faults    *faults
}

// allNodes is the share of nodes that is looked at: with fewer, the answer would depend on where the last one ended.
var allNodes = int32(100)

// newCluster builds the scheduler as kube-scheduler's main does. Call close when it has answered.
func newCluster(read schedulingCase) (*cluster, context.CancelFunc, error) {
	noted := &faults{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), faultsKey{}, noted))
	informers, err := stillFactory(client, running(read.objects), read.pod)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	profile := defaultProfile.DeepCopy()
	profile.SchedulerName = read.pod.Spec.SchedulerName
	snapshot := internalcache.NewEmptySnapshot()
	built, err := scheduler.New(ctx, client, informers, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		scheduler.WithProfiles(*profile),
		scheduler.WithPercentageOfNodesToScore(&allNodes),
		scheduler.WithParallelism(1),
		scheduler.WithNodeInfoSnapshot(snapshot),
	)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	signal.Reset(syscall.SIGUSR2) // each scheduler asks to be told of it, to dump its cache, and never lets go
	if err := built.Cache.UpdateSnapshot(klog.Background(), snapshot); err != nil {
		cancel()
		return nil, nil, err
	}
	// A term that cannot be parsed is reported by the plugin that needs it.
	info, _ := framework.NewPodInfo(read.pod)
	return &cluster{
		ctx:       ctx,
		scheduler: built,
		profile:   built.Profiles[profile.SchedulerName],
		snapshot:  snapshot,
		pod:       &framework.QueuedPodInfo{PodInfo: info},
		faults:    noted,
	}, cancel, nil
}

// running leaves out the pods that have ended: the field selector of the scheduler's informer does.
func running(objects []kruntime.Object) []kruntime.Object {
	kept := make([]kruntime.Object, 0, len(objects))
	for _, object := range objects {
		pod, isPod := object.(*v1.Pod)
		if isPod && (pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed) {
			continue
		}
		kept = append(kept, object)
	}
	return kept
}

// defaultProfile is what kube-scheduler does when it is started without a configuration.
var defaultProfile = func() *config.KubeSchedulerProfile {
	configuration, err := latest.Default()
	if err != nil {
		panic(err)
	}
	return &configuration.Profiles[0]
}()

// client speaks to a server that has nothing: the victims of a preemption are deleted in the background, after the
// decision, and must not be found.
var client = func() kubernetes.Interface {
	built, err := kubernetes.NewForConfigAndClient(&rest.Config{QPS: -1}, &http.Client{Transport: emptyServer{}})
	if err != nil {
		panic(err)
	}
	return built
}()

type emptyServer struct{}

const notFound = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`

func (emptyServer) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusNotFound,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(notFound)),
		Request:    request,
	}, nil
}

// faults collects what made the scheduler panic in goroutines of its own, where it cannot be caught.
type faults struct {
	mutex sync.Mutex
	seen  []string
}

type faultsKey struct{}

// notePanic is told by apimachinery of each panic in a parallel loop, with the context of the case.
func notePanic(ctx context.Context, fault any) {
	noted, ofCase := ctx.Value(faultsKey{}).(*faults)
	if !ofCase {
		utilruntime.ReallyCrash = true // not while deciding: the program itself is wrong
		return
	}
	noted.mutex.Lock()
	defer noted.mutex.Unlock()
	noted.seen = append(noted.seen, fmt.Sprint(fault))
}

// err says that kube-scheduler would have crashed, if it would.
func (noted *faults) err() error {
	noted.mutex.Lock()
	defer noted.mutex.Unlock()
	if len(noted.seen) == 0 {
		return nil
	}
	return fmt.Errorf("the scheduler panics: %s", noted.seen[0])
}
