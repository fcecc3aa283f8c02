// Command oracle answers what kube-scheduler would decide: a cluster and a pod as a JSON line in, the verdict of every
// node, the scores, the hosts and the preemption as a JSON line out.
//
// It decides nothing itself. Each case gets a real scheduler with the default configuration and the feature gates of
// the release that go.mod names, with informers that hold the case's objects; the program only asks it and writes down
// what it says. case.go reads a line, cluster.go builds the scheduler, decide.go and preempt.go ask it.
//
// A line is {"id", "objects": [...], "pod": {...}}. With "store": true it is not decided: the answer is the same case
// as a real API server would hold it, or why it would refuse an object (store.go).
//
// Lines are answered in their order, several at a time. A bad line gets {"id", "error"}, and the next is answered all
// the same.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

func main() {
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many lines to answer at the same time")
	flag.Parse()
	beQuiet()
	if err := serve(os.Stdin, os.Stdout, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// beQuiet keeps what the scheduler logs to itself: every answer says what matters, and the error handlers of apimachinery
// also sleep, to slow down loops that fail.
func beQuiet() {
	klog.SetLogger(klog.Logger{})
	utilruntime.ErrorHandlers = nil
	utilruntime.PanicHandlers = []func(context.Context, any){notePanic}
	utilruntime.ReallyCrash = false
}

// serve answers each line of in with a line on out, in the order of the lines.
func serve(in io.Reader, out io.Writer, workers int) error {
	type question struct {
		line   []byte
		number int
		answer chan []byte
	}
	questions := make(chan question)
	// As many answers may wait for the one that is due as there are workers, so that memory stays bounded.
	due := make(chan chan []byte, workers)
	for range workers {
		go func() {
			for each := range questions {
				each.answer <- encode(answerLine(each.line, each.number))
			}
		}()
	}
	var readError error
	go func() {
		defer close(due)
		defer close(questions)
		reader := bufio.NewReaderSize(in, 1<<20)
		for number := 1; ; number++ {
			line, err := reader.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				answer := make(chan []byte, 1)
				due <- answer
				questions <- question{line, number, answer}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					readError = err
				}
				return
			}
		}
	}()
	for answer := range due {
		if _, err := out.Write(<-answer); err != nil {
			return err
		}
	}
	return readError
}

func encode(answer any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		panic(err) // the answers are structs of strings and numbers
	}
	return line.Bytes()
}
