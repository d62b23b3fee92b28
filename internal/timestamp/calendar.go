package timestamp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	"zapis/verify"
)

const (
	otsAccept = "application/vnd.opentimestamps.v1"
	maxReply  = 10_000 // bytes of an answer, as in the reference client
	maxAsk    = 8      // open ends asked about in one upgrade
)

// Calendar is one OpenTimestamps calendar. URL must be the address that the calendar writes into its proofs (as
// https://alice.btc.calendar.opentimestamps.org does), not that of a pool: later questions go to URL and nowhere else, whatever a proof says.
type Calendar struct {
	URL     string
	Client  *http.Client // nil: a plain one that honours the proxies of the environment; redirects are never followed
	Rand    io.Reader    // nil: crypto/rand
	Headers Headers      // nil: no block is ever confirmed
}

// Submit asks the calendar to enter digest, and gives a detached proof over digest that ends in the calendar's promise: its state is Pending. The calendar sees
// SHA-256(digest || 16 random bytes), which tells it nothing, not even that the same digest was sent to another calendar.
// Errors: ErrUnreachable, ErrRefused, ErrNotVerified, ErrSetting, or that of the context.
func (c Calendar) Submit(ctx context.Context, digest [32]byte) ([]byte, error) {
	proof, err := c.submit(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("ask calendar: %w", err)
	}
	return proof, nil
}

func (c Calendar) submit(ctx context.Context, digest [32]byte) ([]byte, error) {
	random := c.Rand
	if random == nil {
		random = rand.Reader
	}
	nonce := step{op: opAppend, text: make([]byte, 16)}
	if _, err := io.ReadFull(random, nonce.text); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	nonce.next = &node{message: nonce.apply(digest[:])}
	hash := step{op: opSHA256}
	message := hash.apply(nonce.next.message)
	code, answer, err := ask(ctx, c.Client, c.at("/digest"), question{http.MethodPost, "application/x-www-form-urlencoded", otsAccept, message})
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrRefused, code)
	}
	if hash.next, err = c.read(answer, message); err != nil {
		return nil, err
	}
	if !hash.next.has(bitcoinKind) && len(c.open(hash.next)) == 0 {
		return nil, fmt.Errorf("%w: the calendar names another address to ask later, so configure that one", ErrRefused)
	}
	nonce.next.steps = []step{hash}
	return detached(&node{message: digest[:], steps: []step{nonce}}, digest)
}

// Upgrade asks the calendar whether the open ends of the proof that are its own have reached a block, and says how far the proof is now.
// The proof comes back unchanged if there is nothing new. Ends of other calendars are left alone. Errors as of Submit; the proof given stays good.
func (c Calendar) Upgrade(ctx context.Context, proof []byte) ([]byte, Status, error) {
	root, digest, err := readDetached(proof)
	if err == nil {
		_, err = verify.OpenTimestamps(proof, digest)
	}
	if err != nil {
		return proof, Status{State: Failed, Reason: Reason(err)}, nil
	}
	news := false
	for i, n := range c.open(root) {
		if i == maxAsk {
			break
		}
		fresh, err := c.follow(ctx, n.message)
		if err != nil {
			return proof, Status{}, fmt.Errorf("ask calendar: %w", err)
		}
		if fresh != nil {
			n.merge(fresh)
			news = true
		}
	}
	if news {
		longer, err := detached(root, digest)
		if err != nil {
			return proof, Status{}, fmt.Errorf("ask calendar: %w", err)
		}
		proof = longer
	}
	return Judge(ctx, proof, digest, c.Headers)
}

// follow gives what the calendar knows about message that ends in a block, nil if there is no block yet.
func (c Calendar) follow(ctx context.Context, message []byte) (*node, error) {
	code, answer, err := ask(ctx, c.Client, c.at("/timestamp/"+hex.EncodeToString(message)), question{http.MethodGet, "", otsAccept, nil})
	if err != nil {
		return nil, err
	}
	if code == http.StatusNotFound { // how a calendar says: not yet
		return nil, nil
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrRefused, code)
	}
	n, err := c.read(answer, message)
	if err != nil {
		return nil, err
	}
	// Only blocks are news; other promises would let a calendar grow the proof without end.
	if !n.prune(func(_ *node, e end) bool { return e.kind == bitcoinKind }) {
		return nil, nil
	}
	return n, nil
}

func (c Calendar) read(answer, message []byte) (*node, error) {
	if len(answer) > maxReply {
		return nil, fmt.Errorf("%w: the answer is longer than 10,000 bytes", ErrRefused)
	}
	n, err := readStamp(answer, message)
	if err != nil {
		return nil, fmt.Errorf("%w: the answer is %w", ErrRefused, err)
	}
	return n, nil
}

// open gives the nodes with a promise of this calendar that no block has followed yet.
func (c Calendar) open(root *node) (list []*node) {
	_ = root.each(func(n *node) error {
		for _, e := range n.ends {
			r := reader{rest: e.body}
			uri, err := r.text(maxText)
			if e.kind == pendingKind && err == nil && strings.TrimRight(string(uri), "/") == c.at("") && !n.has(bitcoinKind) {
				list = append(list, n)
				break
			}
		}
		return nil
	})
	return list
}

func (c Calendar) at(path string) string { return strings.TrimRight(c.URL, "/") + path }
