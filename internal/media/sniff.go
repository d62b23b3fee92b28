package media

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"zapis/internal/archive"
)

// sniffed is what the first bytes say.
type sniffed struct {
	kind    archive.Kind // of the format in general; streams decide for containers
	format  string       // short name
	demuxer string       // ffmpeg's, the only one that may open it; "" none
	offset  int64        // where it begins
	auto    bool         // the bytes say nothing: ffprobe may look among the containers of recorders
	list    bool         // names other files
}

// demuxers gives, for each that may be used, all the names under which ffmpeg's list of permitted ones must have
// it: every alias, because the list is compared with the full name.
var demuxers = map[string]string{
	"avi": "avi", "mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm", "mpegts": "mpegts", "mpeg": "mpeg",
	"asf": "asf", "h264": "h264", "hevc": "hevc", "m4v": "m4v", "mpegvideo": "mpegvideo", "mjpeg": "mjpeg",
	"dhav": "dhav", "flv": "flv", "ifv": "ifv", "mxg": "mxg", "wav": "wav", "w64": "w64", "mp3": "mp3", "aac": "aac",
	"flac": "flac", "amr": "amr", "aiff": "aiff", "au": "au", "caf": "caf", "ogg": "ogg", "gif": "gif",
	"jpeg_pipe": "jpeg_pipe", "png_pipe": "png_pipe", "webp_pipe": "webp_pipe", "bmp_pipe": "bmp_pipe",
	"tiff_pipe": "tiff_pipe",
}

// autoDemuxers are those that ffprobe may choose from when the first bytes are of no known kind: containers with
// a strict test.
const autoDemuxers = "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,asf,h264,hevc,dhav,flv,ifv,mxg"

const (
	sniffBytes = 64 << 10
	junkBytes  = 1 << 20 // how far a beginning is looked for
)

// magics are beginnings that need no more than a comparison.
var magics = []struct {
	at      int
	bytes   string
	kind    archive.Kind
	format  string
	demuxer string
}{
	{0, "\x1a\x45\xdf\xa3", archive.KindVideo, "matroska", "matroska"},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", archive.KindVideo, "asf", "asf"},
	{0, "\x11\xd2\xd3\xab\xba\xa9\xcf\x11\x8e\xe6\x00\xc0\x0c\x20\x53\x65", archive.KindVideo, "ifv", "ifv"},
	{0, "FLV\x01", archive.KindVideo, "flv", "flv"},
	{0, "DHAV", archive.KindVideo, "dav", "dhav"},
	{0, "DAHUA", archive.KindVideo, "dav", "dhav"},
	{0, "OggS", archive.KindAudio, "ogg", "ogg"},
	{0, "fLaC", archive.KindAudio, "flac", "flac"},
	{0, "ID3", archive.KindAudio, "mp3", "mp3"},
	{0, "#!AMR", archive.KindAudio, "amr", "amr"},
	{0, ".snd", archive.KindAudio, "au", "au"},
	{0, "caff\x00\x01", archive.KindAudio, "caf", "caf"},
	{0, "\x89PNG\r\n\x1a\n", archive.KindImage, "png", "png_pipe"},
	{0, "GIF8", archive.KindImage, "gif", "gif"},
	{0, "II*\x00", archive.KindImage, "tiff", "tiff_pipe"},
	{0, "MM\x00*", archive.KindImage, "tiff", "tiff_pipe"},
	{0, "\xff\xd8\xff", archive.KindImage, "jpeg", "jpeg_pipe"},
	{0, "PK\x03\x04", archive.KindDocument, "zip", ""},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", archive.KindDocument, "ole", ""},
	{0, "{\\rtf", archive.KindDocument, "rtf", ""},
	{0, "7z\xbc\xaf\x27\x1c", archive.KindUnknown, "7z", ""},
	{0, "Rar!\x1a\x07", archive.KindUnknown, "rar", ""},
	{0, "\x1f\x8b\x08", archive.KindUnknown, "gzip", ""},
	{0, "BZh", archive.KindUnknown, "bzip2", ""},
	{0, "\xfd7zXZ\x00", archive.KindUnknown, "xz", ""},
	{0, "\x28\xb5\x2f\xfd", archive.KindUnknown, "zstd", ""},
	{0, "\x7fELF", archive.KindUnknown, "program", ""},
	{0, "SQLite format 3\x00", archive.KindUnknown, "database", ""},
	{0, "age-encryption.org/", archive.KindUnknown, "encrypted", ""},
	{257, "ustar", archive.KindUnknown, "tar", ""},
}

// lists are beginnings of texts that name other files. ffmpeg would follow them.
var lists = []string{
	"#EXTM3U", "ffconcat", "[playlist]", "[Reference]", "[InternetShortcut]", "<asx", "<ASX", "<MPD", "<smil",
	"RTSPtext", "v=0\r\n", "v=0\n", "<?wpl", "<SmoothStreamingMedia", "\xef\xbb\xbf#EXTM3U",
}

// sniff looks at the beginning of a source, and behind bytes that do not belong there.
func sniff(src Source) (sniffed, error) {
	head := make([]byte, min(sniffBytes, src.Size()))
	if _, err := readFull(src, head, 0); err != nil {
		return sniffed{}, err
	}
	if s, ok := sniffAt(head, src.Size()); ok {
		return s, nil
	}
	if len(head) == 0 {
		return sniffed{kind: archive.KindUnknown, format: "empty"}, nil
	}
	if isText(head) {
		s := sniffed{kind: archive.KindDocument, format: "text"}
		trimmed := bytes.TrimLeft(head, " \t\r\n")
		for _, l := range lists {
			if bytes.HasPrefix(trimmed, []byte(l)) || bytes.HasPrefix(head, []byte(l)) {
				s.list, s.format, s.kind = true, "playlist", archive.KindUnknown
			}
		}
		if bytes.HasPrefix(trimmed, []byte("<?xml")) && bytes.Contains(head, []byte("<MPD")) {
			s.list, s.format, s.kind = true, "playlist", archive.KindUnknown
		}
		return s, nil
	}
	// Junk before the beginning: a broken download, or a recorder that writes its own header first.
	junk := make([]byte, min(junkBytes, src.Size()))
	if _, err := readFull(src, junk, 0); err != nil {
		return sniffed{}, err
	}
	if at, s, ok := sniffBehind(junk, src.Size()); ok {
		s.offset = int64(at)
		return s, nil
	}
	return sniffed{kind: archive.KindUnknown, auto: len(junk) >= 512}, nil
}

func sniffAt(b []byte, size int64) (sniffed, bool) {
	for _, m := range magics {
		if len(b) >= m.at+len(m.bytes) && string(b[m.at:m.at+len(m.bytes)]) == m.bytes {
			return sniffed{kind: m.kind, format: m.format, demuxer: m.demuxer}, true
		}
	}
	if i := bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")); i >= 0 {
		return sniffed{kind: archive.KindDocument, format: "pdf"}, true
	}
	if len(b) < 12 {
		return sniffed{}, false
	}
	switch tag, sub := string(b[:4]), string(b[8:12]); {
	case tag == "RIFF" && (sub == "AVI " || sub == "AVIX" || sub == "AVI\x19"):
		return sniffed{kind: archive.KindVideo, format: "avi", demuxer: "avi"}, true
	case (tag == "RIFF" || tag == "RF64" || tag == "BW64") && sub == "WAVE":
		return sniffed{kind: archive.KindAudio, format: "wav", demuxer: "wav"}, true
	case tag == "RIFF" && sub == "WEBP":
		return sniffed{kind: archive.KindImage, format: "webp", demuxer: "webp_pipe"}, true
	case tag == "riff" && len(b) >= 16 && string(b[4:8]) == "\x2e\x91\xcf\x11":
		return sniffed{kind: archive.KindAudio, format: "w64", demuxer: "w64"}, true
	case tag == "FORM" && (sub == "AIFF" || sub == "AIFC"):
		return sniffed{kind: archive.KindAudio, format: "aiff", demuxer: "aiff"}, true
	case b[0] == 'B' && b[1] == 'M' && binary.LittleEndian.Uint32(b[6:]) == 0:
		return sniffed{kind: archive.KindImage, format: "bmp", demuxer: "bmp_pipe"}, true
	}
	if n := int64(binary.BigEndian.Uint32(b)); n >= 8 || n == 1 || n == 0 {
		switch string(b[4:8]) {
		case "ftyp":
			switch string(b[8:12]) {
			case "heic", "heix", "mif1", "msf1", "heim", "heis", "avif":
				return sniffed{kind: archive.KindImage, format: "heif"}, true
			}
			return sniffed{kind: archive.KindVideo, format: "mov", demuxer: "mov"}, true
		case "moov", "mdat", "wide", "pnot", "moof", "styp":
			return sniffed{kind: archive.KindVideo, format: "mov", demuxer: "mov"}, true
		case "free", "skip":
			if n < size {
				return sniffed{kind: archive.KindVideo, format: "mov", demuxer: "mov"}, true
			}
		}
	}
	for _, step := range []struct{ size, at int }{{188, 0}, {192, 4}, {204, 0}} {
		if syncs(b, step.at, step.size, 5) {
			return sniffed{kind: archive.KindVideo, format: "mpegts", demuxer: "mpegts"}, true
		}
	}
	if b[0] == 0xff && b[1]&0xe0 == 0xe0 {
		if n := mp3Frame(b); n > 0 && n+4 <= len(b) && mp3Frame(b[n:]) > 0 {
			return sniffed{kind: archive.KindAudio, format: "mp3", demuxer: "mp3"}, true
		}
		if n := adtsFrame(b); n > 0 && n+7 <= len(b) && adtsFrame(b[n:]) > 0 {
			return sniffed{kind: archive.KindAudio, format: "aac", demuxer: "aac"}, true
		}
	}
	return sniffStart(b)
}

// sniffStart knows elementary streams by their start codes.
func sniffStart(b []byte) (sniffed, bool) {
	i := 0
	for i < 3 && i < len(b) && b[i] == 0 {
		i++
	}
	if i < 2 || i+2 >= len(b) || b[i] != 1 {
		return sniffed{}, false
	}
	video := func(format string) (sniffed, bool) {
		return sniffed{kind: archive.KindVideo, format: format, demuxer: format}, true
	}
	c, next := b[i+1], b[i+2]
	switch {
	case c == 0xba:
		return video("mpeg")
	case c == 0xb3:
		return video("mpegvideo")
	case c == 0xb0, c == 0xb5 && next&0x80 != 0, c <= 0x1f && bytes.Contains(b[:min(len(b), 256)], []byte{0, 0, 1, 0xb6}), c <= 0x01 && i == 2:
		return video("m4v")
	case i == 3 && (c == 0x40 && next == 1 || c == 0x42 && next == 1 || c == 0x46 && next == 1):
		return video("hevc")
	case c&0x80 == 0 && (c&0x1f == 7 || c&0x1f == 9 || c&0x1f == 6 || c&0x1f == 8):
		return video("h264")
	}
	return sniffed{}, false
}

// sniffBehind looks for a strong beginning further on.
func sniffBehind(b []byte, size int64) (int, sniffed, bool) {
	best, found := len(b), sniffed{}
	for _, m := range []struct {
		bytes string
		back  int
	}{
		{"ftyp", 4}, {"AVI ", 8}, {"\x1a\x45\xdf\xa3", 0}, {"DHAV", 0}, {"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0},
		{"\xff\xd8\xff\xe0", 0}, {"\xff\xd8\xff\xe1", 0}, {"\x00\x00\x01\xba", 0}, {"\x00\x00\x00\x01\x67", 0},
		{"\x00\x00\x00\x01\x40\x01", 0},
	} {
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte(m.bytes))
			if i < 0 || from+i-m.back >= best {
				break
			}
			at := from + i - m.back
			if at > 0 {
				if s, ok := sniffAt(b[at:], size-int64(at)); ok && s.demuxer != "" {
					best, found = at, s
					break
				}
			}
			from += i + 1
		}
	}
	for at := 1; at < min(len(b), 64<<10, best); at++ {
		if b[at] == 0x47 && syncs(b, at, 188, 8) {
			return at, sniffed{kind: archive.KindVideo, format: "mpegts", demuxer: "mpegts"}, true
		}
	}
	return best, found, found.demuxer != ""
}

func syncs(b []byte, at, step, n int) bool {
	if len(b) < at+step*(n-1)+1 {
		return false
	}
	for i := range n {
		if b[at+i*step] != 0x47 {
			return false
		}
	}
	return true
}

// mp3Frame gives the length of the MPEG audio layer 3 (or 2) frame at the beginning, 0 if there is none.
func mp3Frame(b []byte) int {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return 0
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	rate, freq, pad := int(b[2]>>4), int(b[2]>>2&3), int(b[2]>>1&1)
	if version == 1 || layer != 1 || rate == 0 || rate == 15 || freq == 3 {
		return 0
	}
	freqs := [...]int{44100, 48000, 32000}
	v1 := [...]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	v2 := [...]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	if version == 3 {
		return 144*v1[rate]*1000/freqs[freq] + pad
	}
	f := freqs[freq] / 2
	if version == 0 {
		f /= 2
	}
	return 72*v2[rate]*1000/f + pad
}

// adtsFrame gives the length of the AAC frame at the beginning, 0 if there is none.
func adtsFrame(b []byte) int {
	if len(b) < 7 || b[0] != 0xff || b[1]&0xf6 != 0xf0 || b[2]>>2&15 > 12 {
		return 0
	}
	return int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
}

// isText says whether bytes are writing: no zero bytes and hardly any control characters, in UTF-8, UTF-16 or a
// single-byte code.
func isText(b []byte) bool {
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
		return len(b)%2 == 0 && bytes.Count(b, []byte{0}) > len(b)/8
	}
	control, high := 0, 0
	for _, c := range b {
		switch {
		case c == 0:
			return false
		case c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b:
			control++
		case c >= 0x80:
			high++
		}
	}
	if control*50 > len(b) {
		return false
	}
	return high*10 < len(b) || utf8.Valid(b[:len(b)-min(len(b), 3)]) || control == 0 && high*10 < 9*len(b)
}

// readFull reads p at an offset; a source that ends early is an error, since its size was given.
func readFull(src io.ReaderAt, p []byte, at int64) (int, error) {
	n, err := src.ReadAt(p, at)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
