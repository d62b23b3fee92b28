package verify

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Tags of DER as one byte: class, constructed bit and number.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagOctets          = 0x04
	tagNull            = 0x05
	tagOID             = 0x06
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagSet             = 0x31
	tagPrimitive0      = 0x80
	tagPrimitive1      = 0x81
	tagContext0        = 0xa0
	tagContext1        = 0xa1
	tagContext4        = 0xa4
)

// der is what is left to read of some DER (X.690 section 10). encoding/asn1 is not used because it passes over elements at the
// end of a SEQUENCE that it does not know; here everything must be named.
type der []byte

// element takes the next element, header included, which must have the tag.
func (d *der) element(tag byte, what string) ([]byte, error) {
	header, length, err := d.header(tag, what)
	if err != nil {
		return nil, err
	}
	whole := (*d)[:header+length]
	*d = (*d)[header+length:]
	return whole, nil
}

// next takes the contents of the next element, which must have the tag.
func (d *der) next(tag byte, what string) (der, error) {
	header, length, err := d.header(tag, what)
	if err != nil {
		return nil, err
	}
	body := (*d)[header : header+length]
	*d = (*d)[header+length:]
	return body, nil
}

func (d *der) header(tag byte, what string) (header, length int, err error) {
	p := *d
	if len(p) < 2 || p[0] != tag {
		return 0, 0, fmt.Errorf("%s is not there or has another type", what)
	}
	header, length = 2, int(p[1])
	if length >= 0x80 {
		n := length - 0x80
		if n < 1 || n > 3 || len(p) < 2+n {
			return 0, 0, fmt.Errorf("%s has a length that is not DER", what)
		}
		length = 0
		for _, b := range p[2 : 2+n] {
			length = length<<8 | int(b)
		}
		if p[2] == 0 || length < 0x80 {
			return 0, 0, fmt.Errorf("%s has a length that is not DER", what)
		}
		header += n
	}
	if length > len(p)-header {
		return 0, 0, fmt.Errorf("%s is cut off", what)
	}
	if tag == tagInteger && (length == 0 || length > 1 && (p[header] == 0 && p[header+1] < 0x80 || p[header] == 0xff && p[header+1] >= 0x80)) {
		return 0, 0, fmt.Errorf("%s is not a DER number", what)
	}
	return header, length, nil
}

// only is next for the last element.
func (d *der) only(tag byte, what string) (der, error) {
	body, err := d.next(tag, what)
	if err != nil {
		return nil, err
	}
	return body, d.end(what)
}

// optional is next if the next element has the tag.
func (d *der) optional(tag byte, what string) (der, bool, error) {
	if len(*d) == 0 || (*d)[0] != tag {
		return nil, false, nil
	}
	body, err := d.next(tag, what)
	return body, err == nil, err
}

func (d *der) end(what string) error {
	if len(*d) != 0 {
		return fmt.Errorf("%s is followed by something unknown", what)
	}
	return nil
}

func (d *der) oid(want, what string) error {
	have, err := d.next(tagOID, what)
	if err != nil {
		return err
	}
	if string(have) != want {
		return fmt.Errorf("%s is another one", what)
	}
	return nil
}

// algorithm takes an AlgorithmIdentifier without parameters, or with NULL, and gives the bytes of its identifier.
func (d *der) algorithm(what string) (string, error) {
	body, err := d.next(tagSequence, what)
	if err != nil {
		return "", err
	}
	name, err := body.next(tagOID, what)
	if err != nil {
		return "", err
	}
	if null, ok, err := body.optional(tagNull, what); err != nil {
		return "", err
	} else if ok && len(null) != 0 {
		return "", fmt.Errorf("%s has parameters", what)
	}
	return string(name), body.end(what)
}

// number takes an INTEGER of the value want.
func (d *der) number(want byte, what string) error {
	body, err := d.next(tagInteger, what)
	if err != nil {
		return err
	}
	if len(body) != 1 || body[0] != want {
		return fmt.Errorf("%s is not %d", what, want)
	}
	return nil
}

// number reads the contents of an INTEGER of at most 33 bytes; RFC 3161 section 2.4.2 asks for 160 bits.
func number(body []byte) (*big.Int, error) {
	if len(body) == 0 || len(body) > 33 {
		return nil, errors.New("a number is out of bounds")
	}
	n := new(big.Int).SetBytes(body)
	if body[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(body))))
	}
	return n, nil
}

// integer is the contents of the INTEGER of n, n >= 0.
func integer(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

// dotted spells an object identifier.
func dotted(body []byte) (string, error) {
	bad := errors.New("an object identifier is not well formed")
	if len(body) == 0 || len(body) > 64 || body[len(body)-1] >= 0x80 {
		return "", bad
	}
	var b strings.Builder
	var arc uint64
	start := true
	for _, c := range body {
		if start && c == 0x80 || arc > 1<<56 {
			return "", bad
		}
		arc = arc<<7 | uint64(c&0x7f)
		if start = c < 0x80; !start {
			continue
		}
		if b.Len() == 0 {
			first := min(arc/40, 2)
			b.WriteString(strconv.FormatUint(first, 10))
			arc -= 40 * first
		}
		b.WriteString("." + strconv.FormatUint(arc, 10))
		arc = 0
	}
	return b.String(), nil
}
