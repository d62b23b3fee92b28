package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"zapis/internal/archive"
)

// CheckBlob reads a blob from the device and compares it with its size and digest, without keys. ErrCorrupt names the
// blob. progress, if given, is told the bytes read since it was last called.
func CheckBlob(ctx context.Context, b Backend, blob Blob, progress func(int64)) error {
	if err := archive.CheckID(archive.PrefixBlob, blob.Name); err != nil {
		return err
	}
	return checkBlob(ctx, b, blob, true, progress)
}

// CheckSums checks a whole copy of a vault without keys and without a database: every file that a sums file lists, and
// that every blob and envelope is listed. report is called once for every file, with nil, ErrCorrupt (damaged or
// missing), ErrUnlisted or an error of the storage; CheckSums itself fails only when it cannot go on.
//
// It finds damage, not deceit: who can write files can write sums. The catalogue's digests find that.
func CheckSums(ctx context.Context, b Backend, report func(name string, err error), progress func(int64)) error {
	_, err := Inspect(ctx, b)
	if errors.Is(err, ErrNotVault) {
		return err
	}
	if err != nil {
		report(headerName, err)
	}
	listed := make(map[string]bool)
	for info, err := range b.List(ctx, sumsPrefix) {
		if err != nil {
			return fmt.Errorf("list sums: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		envelope, isEnvelope := idOf(info.Name, archive.PrefixEnvelope, SumsName)
		if !isEnvelope && info.Name != vaultSums {
			report(info.Name, fmt.Errorf("%w: not a name of the vault", ErrUnlisted))
			continue
		}
		lines, err := readSums(ctx, b, info.Name)
		if err == nil && isEnvelope && (len(lines) < 2 || lines[len(lines)-1].name != EnvelopeName(envelope)) {
			err = corrupt("does not end with its envelope")
		}
		report(info.Name, err)
		if err != nil {
			continue
		}
		for _, line := range lines {
			if listed[line.name] {
				report(line.name, corrupt("listed twice"))
				continue
			}
			listed[line.name] = true
			report(line.name, checkFile(ctx, b, line, progress))
		}
	}
	if !listed[headerName] {
		report(vaultSums, corrupt("missing, damaged or without vault.json"))
	}
	for _, prefix := range []string{keyPrefix, secretPrefix, blobPrefix, envPrefix} {
		for info, err := range b.List(ctx, prefix) {
			if err != nil {
				return fmt.Errorf("list %s: %w", prefix, err)
			}
			if !listed[info.Name] {
				report(info.Name, ErrUnlisted)
			}
		}
	}
	return nil
}

func readSums(ctx context.Context, b Backend, name string) ([]sumLine, error) {
	data, err := readSmall(ctx, b, name, maxEnvelope)
	if err != nil {
		return nil, err
	}
	return parseSums(data)
}

// ReadSums gives the digests that the clear sums file of an envelope states: those of its blobs (without sizes) and of
// the envelope itself. ErrNotFound, ErrCorrupt.
func ReadSums(ctx context.Context, b Backend, envelope string) (blobs []Blob, envelopeSum [32]byte, err error) {
	if err := archive.CheckID(archive.PrefixEnvelope, envelope); err != nil {
		return nil, envelopeSum, err
	}
	lines, err := readSums(ctx, b, SumsName(envelope))
	if err != nil {
		return nil, envelopeSum, fmt.Errorf("sums of %s: %w", envelope, err)
	}
	for _, l := range lines {
		if id, ok := idOf(l.name, archive.PrefixBlob, BlobName); ok {
			blobs = append(blobs, Blob{Name: id, SHA256: l.sum})
		} else if l.name == EnvelopeName(envelope) {
			envelopeSum = l.sum
		}
	}
	return blobs, envelopeSum, nil
}

func checkFile(ctx context.Context, b Backend, line sumLine, progress func(int64)) error {
	r, err := openCold(ctx, b, line.name)
	if errors.Is(err, ErrNotFound) {
		return corrupt("missing: %w", err)
	}
	if err != nil {
		return err
	}
	sum, _, err := digestOf(ctx, r, progress)
	if e := r.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if sum != line.sum {
		return corrupt("has another digest")
	}
	return nil
}

// CheckEnvelope opens an envelope and holds its sums file against it: ErrCorrupt, ErrForeign, ErrFormat.
func (v *Vault) CheckEnvelope(ctx context.Context, id string) error {
	e, sealed, err := v.openEnvelope(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return corrupt("envelope %s is missing: %w", id, err)
	}
	if err != nil {
		return err
	}
	return v.checkSumsOf(ctx, e, sealed)
}

func (v *Vault) checkSumsOf(ctx context.Context, e *envelope, sealed []byte) error {
	have, err := readSmall(ctx, v.b, SumsName(e.id), maxEnvelope)
	if errors.Is(err, ErrNotFound) {
		return corrupt("sums of %s are missing: %w", e.id, err)
	}
	if err != nil {
		return fmt.Errorf("sums of %s: %w", e.id, err)
	}
	if string(have) != string(envelopeSums(e.blobs, e.id, sha256.Sum256(sealed))) {
		return corrupt("sums of %s do not agree with the envelope", e.id)
	}
	return nil
}

// CheckObject opens every byte of an object and compares the digests of the whole and at the end of each segment. ErrCorrupt (a
// CorruptError with the segment), ErrErased, and what Reader gives. progress is told plaintext bytes.
func (v *Vault) CheckObject(ctx context.Context, ref Ref, progress func(int64)) error {
	r, err := v.Reader(ctx, ref)
	if err != nil {
		return err
	}
	defer r.Close()

	digests := &segmentDigests{limit: v.header().SegmentSize, h: sha256.New()}
	_, err = pump(ctx, r.obj.Size, r.ReadAt, func(p []byte) error { // opening runs beside hashing
		digests.write(p)
		if progress != nil {
			progress(int64(len(p)))
		}
		return nil
	})
	if r.obj.Size == 0 && err == nil {
		err = r.readSegment(0, nil, 0) // opens the only, empty, segment
	}
	if err != nil {
		return err
	}
	sums := digests.sums()
	if len(sums) != len(r.obj.Segments) {
		return r.corrupt(len(sums)-1, errors.New("the object has another number of segments"))
	}
	for i, s := range sums {
		if s != r.obj.Segments[i].PlainSHA256 {
			return r.corrupt(i, errors.New("the bytes up to the end of the segment have another digest"))
		}
	}
	if sums[len(sums)-1] != r.obj.SHA256 {
		return &CorruptError{Object: r.obj.ID, Segment: -1, Err: errors.New("the object has another digest")}
	}
	return nil
}
