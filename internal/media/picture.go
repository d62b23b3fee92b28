package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// decodeJPEG parses a JPEG that came out of a program, refusing one larger than it was asked to be. What is kept
// is always what was parsed.
func decodeJPEG(b []byte, maxWidth, maxHeight int) (*image.YCbCr, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: picture: %w", ErrNoReport, err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxWidth || c.Height > maxHeight {
		return nil, fmt.Errorf("%w: picture of another size", ErrNoReport)
	}
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: picture: %w", ErrNoReport, err)
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return m, nil
	case *image.Gray:
		y := image.NewYCbCr(m.Rect, image.YCbCrSubsampleRatio420)
		for i := range y.Cb {
			y.Cb[i], y.Cr[i] = 128, 128
		}
		for row := range m.Rect.Dy() {
			copy(y.Y[row*y.YStride:row*y.YStride+m.Rect.Dx()], m.Pix[row*m.Stride:])
		}
		return y, nil
	}
	return nil, fmt.Errorf("%w: picture of another colour model", ErrNoReport)
}

// encodeJPEG writes a picture without any metadata.
func encodeJPEG(m image.Image, quality int) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plane is one plane of samples.
type plane struct {
	pix          []byte
	stride, w, h int
}

// shrink resamples a plane into part of another by averaging areas.
func shrink(dst plane, src plane) {
	if src.w < 1 || src.h < 1 {
		return
	}
	for y := range dst.h {
		y0 := y * src.h / dst.h
		y1 := max((y+1)*src.h/dst.h, y0+1)
		for x := range dst.w {
			x0 := x * src.w / dst.w
			x1 := max((x+1)*src.w/dst.w, x0+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for _, v := range src.pix[yy*src.stride+x0 : yy*src.stride+x1] {
					sum += int(v)
				}
			}
			dst.pix[y*dst.stride+x] = byte(sum / ((y1 - y0) * (x1 - x0)))
		}
	}
}

func planes(m *image.YCbCr) (y, cb, cr plane) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	cw, ch := w, h
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420:
		cw, ch = (w+1)/2, (h+1)/2
	case image.YCbCrSubsampleRatio422:
		cw = (w + 1) / 2
	case image.YCbCrSubsampleRatio440:
		ch = (h + 1) / 2
	case image.YCbCrSubsampleRatio411:
		cw = (w + 3) / 4
	case image.YCbCrSubsampleRatio410:
		cw, ch = (w+3)/4, (h+1)/2
	}
	return plane{m.Y, m.YStride, w, h}, plane{m.Cb, m.CStride, cw, ch}, plane{m.Cr, m.CStride, cw, ch}
}

// micro makes the 16 × 9 grey micro-thumbnail.
func micro(m *image.YCbCr) []byte {
	out := make([]byte, MicroWidth*MicroHeight)
	y, _, _ := planes(m)
	shrink(plane{out, MicroWidth, MicroWidth, MicroHeight}, y)
	return out
}

// contrast is the standard deviation of the brightness: near zero for black, white and test-card frames.
func contrast(m *image.YCbCr) float64 {
	y, _, _ := planes(m)
	var sum, squares, n float64
	for row := 0; row < y.h; row += 2 {
		for x := 0; x < y.w; x += 2 {
			v := float64(y.pix[row*y.stride+x])
			sum += v
			squares += v * v
			n++
		}
	}
	if n == 0 {
		return 0
	}
	mean := sum / n
	return math.Sqrt(max(0, squares/n-mean*mean))
}

// stillWidth and stillHeight bound the stills of pictures and pages.
const (
	stillWidth  = 1600
	stillHeight = 1600
)

// Image makes the still and the micro-thumbnail of a picture: upright, at most 1600 pixels a side, without any of
// the original's metadata. Of a picture with several frames it is the first.
func (t *Tools) Image(ctx context.Context, src Source, p Probe) (Image, error) {
	s, err := t.again(src, p)
	if err != nil {
		return Image{}, err
	}
	if p.Kind != archive.KindImage || s.demuxer == "" {
		return Image{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	if err := refusal(p); err != nil {
		return Image{}, err
	}
	if from(src, s).Size() > t.budget {
		return Image{}, fmt.Errorf("%w: %d bytes, the budget is %d", ErrNeedsSeek, src.Size(), t.budget)
	}
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return Image{}, err
	}
	defer f.close()
	vf := fmt.Sprintf("%sscale=w='max(1,round(iw*min(1,min(%d/iw,%d/ih))))':h='max(1,round(ih*min(1,min(%d/iw,%d/ih))))':flags=area,setsar=1,format=yuvj420p",
		turn(readExif(from(src, s), s.format).orientation), stillWidth, stillHeight, stillWidth, stillHeight)
	var picture bytes.Buffer
	var progress progress
	// Turned here and not by ffmpeg, whose versions differ in whether they turn pictures.
	args := append(append(append(t.ffmpegArgs("pipe:5"), "-noautorotate"), t.inputArgs(f, s.demuxer)...),
		"-map", "0:v:0", "-frames:v", "1", "-vf", vf, "-map_metadata", "-1", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2pipe", "pipe:4")
	rep, err := t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) error { _, err := io.Copy(&picture, io.LimitReader(r, 32<<20)); return err },
			progress.read,
		},
		limits: sandbox.Limits{CPU: 5 * time.Minute, Wall: 5 * time.Minute, Channels: 32 << 20},
	})
	if err != nil {
		return Image{}, decodeError(err)
	}
	if !progress.ended || picture.Len() == 0 {
		return Image{}, fmt.Errorf("%w: no picture came out", ErrDamaged)
	}
	m, err := decodeJPEG(picture.Bytes(), stillWidth, stillHeight)
	if err != nil {
		return Image{}, err
	}
	out := Image{Micro: micro(m), Still: Still{Width: m.Rect.Dx(), Height: m.Rect.Dy()}, Report: rep}
	// Encoded again here, so that nothing of the encoder's own marks stays either.
	if out.Still.JPEG, err = encodeJPEG(m, 85); err != nil {
		return Image{}, err
	}
	out.Report.Frames = 1
	if rep.ErrorLines > 0 {
		out.Anomalies = append(out.Anomalies, Anomaly{AnomalyDecodeErrors, strconv.Itoa(rep.ErrorLines) + " lines"})
	}
	return out, nil
}

// turn gives the filter that puts a picture of an Exif orientation upright, with a comma.
func turn(orientation int) string {
	switch orientation {
	case 2:
		return "hflip,"
	case 3:
		return "hflip,vflip,"
	case 4:
		return "vflip,"
	case 5:
		return "transpose=0,"
	case 6:
		return "transpose=1,"
	case 7:
		return "transpose=3,"
	case 8:
		return "transpose=2,"
	}
	return ""
}

// exif is what is taken from the Exif block of a picture. Nothing else of it is looked at: places and makers' names
// stay in the original.
type exif struct {
	orientation int    // 1 to 8
	taken       string // as in the block, "2006:01:02 15:04:05", perhaps followed by a zone "+03:00"; empty if none
}

// readExif reads the Exif block of a JPEG or the directory of a TIFF.
func readExif(body Source, format string) exif {
	none := exif{orientation: 1}
	b := make([]byte, min(256<<10, body.Size()))
	if _, err := readFull(body, b, 0); err != nil {
		return none
	}
	switch format {
	case "tiff":
		return exifOf(b)
	case "jpeg":
		return exifOfJPEG(b)
	}
	return none
}

func exifOfJPEG(b []byte) exif {
	none := exif{orientation: 1}
	for at := 2; at+4 <= len(b) && b[at] == 0xff; {
		marker, n := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		if marker == 0xda || n < 2 || at+2+n > len(b) {
			return none
		}
		if body := b[at+4 : at+2+n]; marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return exifOf(body[6:])
		}
		at += 2 + n
	}
	return none
}

// exifOf reads the first directory of a TIFF structure, and the Exif directory that it leads to.
func exifOf(b []byte) exif {
	out := exif{orientation: 1}
	if len(b) < 8 {
		return out
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	var zone, changed, sub string
	text := func(e []byte) string {
		n, at := int64(order.Uint32(e[4:])), int64(order.Uint32(e[8:]))
		switch {
		case order.Uint16(e[2:]) != 2 || n > 64:
			return ""
		case n <= 4:
			return string(e[8 : 8+n])
		case at+n > int64(len(b)):
			return ""
		}
		return string(bytes.TrimRight(b[at:at+n], "\x00 "))
	}
	directory := func(at int64, use func(tag uint16, entry []byte)) {
		if at < 8 || at+2 > int64(len(b)) {
			return
		}
		for i := range int64(order.Uint16(b[at:])) {
			e := at + 2 + i*12
			if e+12 > int64(len(b)) {
				return
			}
			use(order.Uint16(b[e:]), b[e:e+12])
		}
	}
	var lead int64
	directory(int64(order.Uint32(b[4:])), func(tag uint16, e []byte) {
		switch tag {
		case 0x0112:
			if v := int(order.Uint16(e[8:])); v >= 1 && v <= 8 {
				out.orientation = v
			}
		case 0x0132:
			changed = text(e)
		case 0x8769:
			lead = int64(order.Uint32(e[8:]))
		}
	})
	directory(lead, func(tag uint16, e []byte) {
		switch tag {
		case 0x9003:
			sub = text(e)
		case 0x9011:
			zone = text(e)
		}
	})
	if out.taken = sub; sub == "" {
		out.taken = changed
	} else {
		out.taken += zone
	}
	return out
}

// refusal turns what the probe found into the error of every later pass.
func refusal(p Probe) error {
	switch p.Reason {
	case "":
		return nil
	case "no-decoder":
		return ErrNoDecoder
	case "encrypted":
		return ErrEncrypted
	case "too-large":
		return ErrTooLarge
	case "refused-container":
		return ErrRefused
	case "timed-out":
		return ErrTimedOut
	case "damaged":
		return ErrDamaged
	}
	return ErrNotMedia
}

// decodeError says of a program that ended with an error that the material is to blame, which it is unless the
// cause is known to be another.
func decodeError(err error) error {
	if errors.Is(err, sandbox.ErrExit) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// again sniffs a source for a later pass. A probe that was stored and read back does not carry what is needed to
// open the file, and one of another file must not decide.
func (t *Tools) again(src Source, p Probe) (sniffed, error) {
	s, err := sniff(src)
	if err != nil {
		return s, fmt.Errorf("%w: %w", errSource, err)
	}
	if s.auto && demuxers[p.Format] != "" {
		s.demuxer, s.auto = p.Format, false
	}
	return s, nil
}

// ffmpegArgs are the options at the beginning of every run of ffmpeg.
func (t *Tools) ffmpegArgs(progress string) []string {
	return []string{
		"-v", "error", "-hide_banner", "-nostdin", "-nostats", "-max_alloc", maxAlloc, "-progress", progress,
		"-filter_threads", "1", "-filter_complex_threads", strconv.Itoa(t.threads), "-threads", strconv.Itoa(t.threads),
	}
}

// progress reads what ffmpeg says of its way. Without the word at its end it did not end by itself.
type progress struct {
	ended      bool
	frames     int64
	duplicated int64
	dropped    int64
}

func (p *progress) read(r io.Reader) error {
	var line []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		for _, c := range buf[:n] {
			if c != '\n' {
				if len(line) < 256 {
					line = append(line, c)
				}
				continue
			}
			k, v, _ := bytes.Cut(line, []byte("="))
			number := integer(string(bytes.TrimSpace(v)))
			switch string(k) {
			case "frame":
				p.frames = number
			case "dup_frames":
				p.duplicated = number
			case "drop_frames":
				p.dropped = number
			case "progress":
				p.ended = string(v) == "end"
			}
			line = line[:0]
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
