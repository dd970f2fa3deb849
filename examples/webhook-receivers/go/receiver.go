// A receiver of Offpath's signed events: Go 1.20 or newer, nothing to install.
//
//	OFFPATH_WEBHOOK_SECRETS='whsec_…[ whsec_…]' PORT=8080 go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	toleranceSeconds = 300
	maxBodyBytes     = 4 << 20
	remembered       = 10000
)

var (
	secrets = decodeSecrets(os.Getenv("OFFPATH_WEBHOOK_SECRETS"))
	mutex   sync.Mutex
	seen    = map[string]bool{}
	order   []string
)

func decodeSecrets(text string) [][]byte {
	var found [][]byte
	for _, field := range strings.Fields(text) {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(field, "whsec_"))
		if err != nil {
			log.Fatal("OFFPATH_WEBHOOK_SECRETS is not base64")
		}
		found = append(found, secret)
	}
	return found
}

// verify wants the body as it came, not JSON written anew.
func verify(header http.Header, body []byte) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	sentAt, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return false
	}
	if age := time.Now().Unix() - sentAt; age > toleranceSeconds || age < -toleranceSeconds {
		return false
	}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", id, timestamp)
		mac.Write(body)
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, given := range strings.Split(header.Get("webhook-signature"), " ") {
			if hmac.Equal(expected, []byte(given)) {
				return true
			}
		}
	}
	return false
}

type event struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Subject   string          `json:"subject"`
	Simulated bool            `json:"simulated"`
	Data      json.RawMessage `json:"data"`
}

// handle does each id once, since deliveries may repeat.
func handle(e event) {
	mutex.Lock()
	defer mutex.Unlock()
	if seen[e.ID] {
		return
	}
	seen[e.ID] = true
	order = append(order, e.ID)
	if len(order) > remembered {
		delete(seen, order[0])
		order = order[1:]
	}
	word := "received"
	if e.Simulated {
		word = "simulated" // A rehearsal is for the record only.
	}
	fmt.Println(word, e.Type, e.Subject)
}

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if !verify(r.Header, body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	handle(e)
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: http.HandlerFunc(receive), ReadTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}
