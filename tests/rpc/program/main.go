// Asks a gRPC expander as cluster-autoscaler does: one question on standard input, the answer on standard output.
//
// Nodes and pods are read into Kubernetes' own Go types and written by their own Marshal; the messages around them are
// put together field by field, and grpc-go carries them. Nothing here is shared with the server under test.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// As in the autoscaler: it waits so long, and is led to the server by its certificate alone.
const timeout = 5 * time.Second

const method = "/grpcplugin.Expander/BestOptions"

// answer is what is printed.
type answer struct {
	Code    string   `json:"code"`
	Message string   `json:"message,omitempty"`
	Groups  []string `json:"groups"`
	Seconds float64  `json:"seconds"`
	Bytes   int      `json:"bytes"`
}

func main() {
	url := flag.String("url", "", "HOST:PORT of the expander")
	certificate := flag.String("cert", "", "what its certificate is to be trusted by")
	form := flag.String("form", "new", "new: nodeBytesMap and podBytes, as from 1.35 on; old: nodeMap and pod; both: all four, as 1.34.5")
	flag.Parse()
	if err := run(*url, *certificate, *form); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, certificate, form string) error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("the question: %w", err)
	}
	request, err := asked.encode(form)
	if err != nil {
		return err
	}
	trust, err := credentials.NewClientTLSFromFile(certificate, "")
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(url, grpc.WithTransportCredentials(trust))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	began := time.Now()
	var reply []byte
	err = connection.Invoke(ctx, method, request, &reply, grpc.ForceCodec(unchanged{}))
	result := answer{
		Code:    status.Code(err).String(),
		Message: status.Convert(err).Message(),
		Groups:  []string{},
		Seconds: time.Since(began).Seconds(),
		Bytes:   len(request),
	}
	if err == nil {
		if result.Groups, err = groups(reply); err != nil {
			return fmt.Errorf("the answer: %w", err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// unchanged sends and receives bytes as they are.
type unchanged struct{}

func (unchanged) Marshal(message any) ([]byte, error) {
	return message.([]byte), nil
}

func (unchanged) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (unchanged) Name() string {
	return "proto"
}
