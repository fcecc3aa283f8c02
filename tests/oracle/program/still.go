package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// watched lists the kinds that the scheduler's informers hold.
var watched = []kruntime.Object{
	&v1.Pod{}, &v1.Node{}, &v1.Namespace{}, &v1.Service{}, &v1.ReplicationController{}, &v1.PersistentVolume{},
	&v1.PersistentVolumeClaim{}, &appsv1.ReplicaSet{}, &appsv1.StatefulSet{}, &policyv1.PodDisruptionBudget{},
	&storagev1.StorageClass{}, &storagev1.CSINode{}, &storagev1.CSIDriver{}, &storagev1.CSIStorageCapacity{},
	&storagev1.VolumeAttachment{}, &resourcev1.DeviceClass{}, &resourcev1.ResourceClaim{}, &resourcev1.ResourceSlice{},
	&resourcev1.DeviceTaintRule{},
}

// unwatched lists kinds that a cluster has and that matter to pods only when they are created, by admission.
var unwatched = []kruntime.Object{&schedulingv1.PriorityClass{}}

// stillInformer is an informer that was synced once and never changes. Handlers get the objects before AddEventHandler
// returns, so a scheduler over such informers is ready when it is built, without a list, a watch or a goroutine.
type stillInformer struct {
	cache.SharedIndexInformer // never started: its indexer holds the objects
	objects                   []kruntime.Object
}

// stillFactory is an informer factory whose informers hold these objects and no others. The handlers of pods are not
// told of the pod that is to be decided: the program hands it to the scheduler itself.
func stillFactory(client kubernetes.Interface, objects []kruntime.Object, pending *v1.Pod) (informers.SharedInformerFactory, error) {
	byKind := map[reflect.Type][]kruntime.Object{}
	for _, object := range objects {
		kind := reflect.TypeOf(object)
		byKind[kind] = append(byKind[kind], object)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	for _, kind := range watched {
		informer, err := newStillInformer(kind, byKind[reflect.TypeOf(kind)])
		if err != nil {
			return nil, err
		}
		if _, ofPods := kind.(*v1.Pod); ofPods {
			if err := addNew(informer.GetIndexer(), pending); err != nil {
				return nil, err
			}
		}
		factory.InformerFor(kind, func(kubernetes.Interface, time.Duration) cache.SharedIndexInformer { return informer })
		delete(byKind, reflect.TypeOf(kind))
	}
	for _, kind := range unwatched {
		delete(byKind, reflect.TypeOf(kind))
	}
	for kind := range byKind {
		return nil, fmt.Errorf("the scheduler knows nothing of a %s", kind.Elem().Name())
	}
	return factory, nil
}

func newStillInformer(kind kruntime.Object, objects []kruntime.Object) (*stillInformer, error) {
	indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	informer := &stillInformer{cache.NewSharedIndexInformer(&cache.ListWatch{}, kind, 0, indexers), objects}
	for _, object := range objects {
		if err := addNew(informer.GetIndexer(), object); err != nil {
			return nil, err
		}
	}
	return informer, nil
}

// addNew adds an object to those of its kind, unless there is one of that name: an API server would hold only one.
func addNew(indexer cache.Indexer, object kruntime.Object) error {
	_, known, err := indexer.Get(object)
	if err != nil {
		return err
	}
	if known {
		key, _ := cache.MetaNamespaceKeyFunc(object)
		return fmt.Errorf("there are two %ss %s", reflect.TypeOf(object).Elem().Name(), key)
	}
	return indexer.Add(object)
}

func (still *stillInformer) AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return still.AddEventHandlerWithOptions(handler, cache.HandlerOptions{})
}

func (still *stillInformer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return still.AddEventHandlerWithOptions(handler, cache.HandlerOptions{})
}

func (still *stillInformer) AddEventHandlerWithOptions(handler cache.ResourceEventHandler, _ cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	for _, object := range still.objects {
		handler.OnAdd(object, true)
	}
	return synced{}, nil
}

func (still *stillInformer) HasSynced() bool                     { return true }
func (still *stillInformer) HasSyncedChecker() cache.DoneChecker { return synced{} }
func (still *stillInformer) RunWithContext(context.Context)      {}
func (still *stillInformer) Run(<-chan struct{})                 {}

// synced is the state of everything here.
type synced struct{}

var closed = func() chan struct{} { done := make(chan struct{}); close(done); return done }()

func (synced) HasSynced() bool                     { return true }
func (synced) HasSyncedChecker() cache.DoneChecker { return synced{} }
func (synced) Name() string                        { return "a cluster that stands still" }
func (synced) Done() <-chan struct{}               { return closed }
