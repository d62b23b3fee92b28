package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// Caps of what is decoded.
const (
	maxPixels  = 120_000_000 // of one picture
	maxStreams = 64
	probeWhole = 24 << 20 // files up to this size are given to ffprobe whole
	probeHead  = 16 << 20 // of larger ones, so much of the beginning
)

// Probe says what a file is: its true type by its bytes, its streams, times and tags, and what is odd about it.
// Something that is not footage, sound, a picture or a paper is no error: its Kind is unknown (or document) and
// Reason says why nothing can be derived. An error means that the question could not be answered: no tool, no
// isolation, cancelled, or the source could not be read.
func (t *Tools) Probe(ctx context.Context, src Source) (Probe, error) {
	s, err := sniff(src)
	if err != nil {
		return Probe{}, fmt.Errorf("read beginning: %w", err)
	}
	p := Probe{Kind: s.kind, Format: s.format, Size: src.Size(), Offset: s.offset, sniffed: s}
	if s.offset > 0 {
		p.add(AnomalyJunkBefore, fmt.Sprintf("%d bytes", s.offset))
	}
	switch {
	case s.list:
		p.Reason = "refused-container"
		p.add(AnomalyRefused, "a list that names other files")
		return p, nil
	case s.format == "pdf":
		return p, t.probePDF(ctx, src, &p)
	case s.format == "encrypted":
		p.Reason = "encrypted"
		return p, nil
	case s.format == "heif":
		p.Reason = "no-decoder"
		return p, nil
	case s.demuxer == "" && !s.auto:
		p.Reason = "not-media"
		return p, nil
	}
	if err := inspect(from(src, s), s, &p); err != nil {
		return Probe{}, fmt.Errorf("read container: %w", err)
	}
	if err := t.askFFprobe(ctx, src, &p); err != nil {
		if ctx.Err() != nil || errors.Is(err, sandbox.ErrSetup) || errors.Is(err, sandbox.ErrNoIsolation) || errors.Is(err, errSource) {
			return Probe{}, err
		}
		if p.sniffed.auto {
			p.Kind, p.Format, p.Reason = archive.KindUnknown, "", "not-media"
			return p, nil
		}
		p.add(AnomalyUnreadable, "")
		if p.Reason = Reason(err); p.Reason == "" {
			p.Reason = "damaged"
		}
		return p, nil
	}
	p.judge()
	return p, nil
}

func (p *Probe) add(code, detail string) {
	for _, a := range p.Anomalies {
		if a.Code == code {
			return
		}
	}
	p.Anomalies = append(p.Anomalies, Anomaly{code, detail})
}

// has says whether an anomaly was found.
func (p *Probe) has(code string) bool {
	for _, a := range p.Anomalies {
		if a.Code == code {
			return true
		}
	}
	return false
}

// errSource marks failures to read the original, which say nothing about the material.
var errSource = errors.New("original could not be read")

// inputArgs are the options before -i of every run of ffmpeg and ffprobe: what may be opened, and how large it
// may grow.
func (t *Tools) inputArgs(f *feed, demuxer string) []string {
	a := []string{"-max_streams", strconv.Itoa(maxStreams), "-max_pixels", strconv.Itoa(maxPixels)}
	if t.open {
		return append(a, "-i", f.url)
	}
	allowed := demuxers[demuxer]
	if demuxer == "" {
		allowed = autoDemuxers
	} else {
		a = append(a, "-f", demuxer)
	}
	return append(a, "-protocol_whitelist", f.proto, "-format_whitelist", allowed, "-i", f.url)
}

const maxAlloc = "1073741824" // bytes that ffmpeg may ask for at once

// ffprobe's answer, as far as it is used.
type answer struct {
	Streams []struct {
		Index      int               `json:"index"`
		Type       string            `json:"codec_type"`
		Codec      string            `json:"codec_name"`
		TagString  string            `json:"codec_tag_string"`
		Profile    string            `json:"profile"`
		Pixels     string            `json:"pix_fmt"`
		Width      int               `json:"width"`
		Height     int               `json:"height"`
		Aspect     string            `json:"sample_aspect_ratio"`
		RFrameRate string            `json:"r_frame_rate"`
		AvgRate    string            `json:"avg_frame_rate"`
		TimeBase   string            `json:"time_base"`
		Start      string            `json:"start_time"`
		Duration   string            `json:"duration"`
		Frames     string            `json:"nb_frames"`
		BitRate    string            `json:"bit_rate"`
		Channels   int               `json:"channels"`
		SampleRate string            `json:"sample_rate"`
		Tags       map[string]string `json:"tags"`
		Side       []struct {
			Rotation float64 `json:"rotation"`
		} `json:"side_data_list"`
		Disposition struct {
			Picture int `json:"attached_pic"`
		} `json:"disposition"`
	} `json:"streams"`
	Format struct {
		Name     string            `json:"format_name"`
		Start    string            `json:"start_time"`
		Duration string            `json:"duration"`
		BitRate  string            `json:"bit_rate"`
		Score    int               `json:"probe_score"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

const probeFields = "format=format_name,start_time,duration,bit_rate,probe_score:format_tags:" +
	"stream=index,codec_type,codec_name,codec_tag_string,profile,pix_fmt,width,height,sample_aspect_ratio,r_frame_rate," +
	"avg_frame_rate,time_base,start_time,duration,nb_frames,bit_rate,channels,sample_rate:stream_tags:" +
	"stream_disposition=attached_pic:stream_side_data=rotation"

func (t *Tools) askFFprobe(ctx context.Context, src Source, p *Probe) error {
	s := p.sniffed
	f, part, err := t.probeFeed(ctx, src, s)
	if err != nil {
		return err
	}
	defer f.close()
	args := append([]string{"-v", "error", "-hide_banner", "-max_alloc", maxAlloc, "-show_entries", probeFields, "-of", "json=c=1"},
		t.inputArgs(f, s.demuxer)...)
	var a answer
	rep, err := t.run(ctx, call{
		path: t.ffprobe, name: "ffprobe", args: args, feed: f,
		stdout: func(r io.Reader) error {
			b, err := io.ReadAll(io.LimitReader(r, 4<<20))
			if err != nil {
				return err
			}
			if err := json.Unmarshal(b, &a); err != nil {
				return fmt.Errorf("%w: answer not readable", ErrNoReport)
			}
			return nil
		},
		limits: sandbox.Limits{Memory: 2 << 30, CPU: 2 * time.Minute, Wall: 5 * time.Minute, Channels: 8 << 20},
	})
	p.Report = rep
	if err != nil {
		if errors.Is(err, sandbox.ErrExit) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	}
	if len(a.Streams) == 0 {
		return fmt.Errorf("%w: no streams", ErrDamaged)
	}
	if s.auto {
		name, _, _ := strings.Cut(a.Format.Name, ",")
		if demuxers[name] == "" || a.Format.Score < 25 {
			return fmt.Errorf("%w: no certain format", ErrNotMedia)
		}
		p.sniffed.demuxer, p.sniffed.auto, p.Format = name, false, name
	}
	p.take(a, part)
	if rep.ErrorLines > 0 && !part {
		p.add(AnomalyDecodeErrors, fmt.Sprintf("%d lines from ffprobe", rep.ErrorLines))
	}
	return nil
}

// probeFeed gives the whole file if it is small, else its beginning (and the index, wherever it lies).
func (t *Tools) probeFeed(ctx context.Context, src Source, s sniffed) (f *feed, part bool, err error) {
	body := from(src, s)
	if body.Size() <= min(probeWhole, t.budget) {
		f, err = t.inMemory(ctx, body, "memory")
		return f, false, err
	}
	if s.demuxer == "mov" {
		r, how, err := reorder(body)
		if err != nil {
			return nil, false, err
		}
		m, err := walkMovie(body)
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", errSource, err)
		}
		return piped(io.LimitReader(r, m.moov.size+probeHead), how), true, nil
	}
	return piped(io.NewSectionReader(body, 0, probeHead), "beginning"), true, nil
}

func (p *Probe) take(a answer, part bool) {
	p.StartTime = seconds(a.Format.Start)
	// What was read from a clock at both ends stands: for .dav it is finer than ffprobe's whole seconds, and of the
	// beginning of a large file ffprobe cannot know.
	clocked := p.sniffed.demuxer == "dhav" || part && (p.sniffed.demuxer == "mpegts" || p.sniffed.demuxer == "mpeg")
	if d := seconds(a.Format.Duration); d > 0 && !(clocked && p.Duration > 0) {
		p.Duration = d
	}
	p.BitRate = integer(a.Format.BitRate)
	if part {
		p.BitRate = 0
	}
	p.Tags = tags(a.Format.Tags)
	for _, s := range a.Streams {
		st := Stream{
			Index: s.Index, Type: word(s.Type), Codec: word(s.Codec), Profile: word(s.Profile), PixelFormat: word(s.Pixels),
			Width: s.Width, Height: s.Height, Channels: s.Channels, SampleRate: int(integer(s.SampleRate)),
			Start: seconds(s.Start), Duration: seconds(s.Duration), BitRate: integer(s.BitRate),
			Frames: integer(s.Frames), Picture: s.Disposition.Picture != 0, Tags: tags(s.Tags),
		}
		st.RateNum, st.RateDen = ratio(s.AvgRate)
		if st.RateNum <= 0 {
			st.RateNum, st.RateDen = ratio(s.RFrameRate)
		}
		st.TimeBaseNum, st.TimeBaseDen = ratio(s.TimeBase)
		if n, d := ratio(strings.Replace(s.Aspect, ":", "/", 1)); n > 0 && d > 0 && n != d {
			st.Aspect = fmt.Sprintf("%d:%d", n, d)
		}
		for _, side := range s.Side {
			if r := int(math.Round(-side.Rotation)); r != 0 {
				st.Rotation = ((r % 360) + 360) % 360
			}
		}
		if strings.HasPrefix(s.TagString, "enc") {
			p.add(AnomalyEncrypted, "a stream is marked as encrypted")
		}
		p.Streams = append(p.Streams, st)
	}
}

// judge draws the conclusions: kind, clock, anomalies that the streams show.
func (p *Probe) judge() {
	v, hasVideo := p.Video()
	_, hasAudio := p.Audio()
	switch {
	case p.Kind == archive.KindImage:
		if !hasVideo || v.Width <= 0 || v.Height <= 0 {
			p.Reason = "damaged"
		}
	case hasVideo && (v.Width > 0 && v.Height > 0):
		p.Kind = archive.KindVideo
	case hasAudio:
		p.Kind = archive.KindAudio
	case hasVideo:
		p.Kind, p.Reason = archive.KindVideo, "no-decoder"
	default:
		p.Kind, p.Reason = archive.KindUnknown, "not-media"
	}
	if hasVideo && p.Reason == "" && p.Kind != archive.KindAudio {
		if v.Codec == "" || v.Codec == "unknown" || v.Codec == "none" {
			p.Reason = "no-decoder"
		}
		if int64(v.Width)*int64(v.Height) > maxPixels {
			p.Reason = "too-large"
			p.add(AnomalyLargePicture, fmt.Sprintf("%d × %d", v.Width, v.Height))
		}
	}
	if p.Reason == "" && p.has(AnomalyEncrypted) {
		p.Reason = "encrypted"
	}
	if len(p.Streams) > 8 {
		p.add(AnomalyManyStreams, fmt.Sprintf("%d streams", len(p.Streams)))
	}
	if p.sniffed.demuxer == "dhav" && p.StartTime > 946684800 {
		// The demuxer puts the recorder's clock into the start: camera-local time without a zone.
		p.RecorderClock = p.StartTime
	} else if p.Kind == archive.KindVideo || p.Kind == archive.KindAudio {
		if p.sniffed.demuxer != "mpegts" && p.sniffed.demuxer != "mpeg" && math.Abs(p.StartTime) > 0.5 {
			p.add(AnomalyStartOffset, fmt.Sprintf("begins at %.3f s", p.StartTime))
		}
		if a, ok := p.Audio(); ok && hasVideo && math.Abs(a.Start-v.Start) > 0.5 {
			p.add(AnomalyStartOffset, fmt.Sprintf("sound %.3f s from the picture", a.Start-v.Start))
		}
	}
	if p.Kind == archive.KindVideo && p.Duration == 0 && p.Reason == "" {
		p.add(AnomalyNoDuration, "")
	}
	if v.Duration > 0 && p.Duration > 0 && p.Duration-v.Duration > max(1, p.Duration/50) {
		p.add(AnomalyLength, fmt.Sprintf("container %.1f s, picture %.1f s", p.Duration, v.Duration))
	}
	p.writer()
	p.created()
}

// software are traces of programs that are not recorders, as they stand in tags of containers.
var software = []string{
	"lavf", "lavc", "mencoder", "virtualdub", "handbrake", "premiere", "final cut", "davinci", "resolve", "vegas",
	"movie maker", "imovie", "mainconcept", "avidemux", "x264", "x265", "google", "whatsapp", "telegram", "vlc", "obs",
	"bandicam", "camtasia", "capcut", "kdenlive", "adobe", "libebml", "mkvmerge", "gpac", "isomedia", "after effects",
}

// writer notes when software wrote the container. The tag itself stays in Tags: the detail holds our word only.
func (p *Probe) writer() {
	look := func(m map[string]string) {
		for k, v := range m {
			switch strings.ToLower(k) {
			case "encoder", "software", "handler_name", "writing_app", "encoding_tool", "creation_tool", "muxing_app", "comment":
				v = strings.ToLower(v)
				for _, s := range software {
					if strings.Contains(v, s) {
						p.add(AnomalySoftware, s)
						return
					}
				}
			}
		}
	}
	look(p.Tags)
	for _, s := range p.Streams {
		look(s.Tags)
	}
}

// created takes the container's creation time if it is one.
func (p *Probe) created() {
	for _, k := range []string{"com.apple.quicktime.creationdate", "creation_time", "ICRD", "DateTimeOriginal", "date"} {
		if p.createdAt(p.Tags[k]) {
			return
		}
	}
}

// createdAt takes a time if it is one, and a possible one.
func (p *Probe) createdAt(v string) bool {
	v = strings.TrimSpace(v)
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05", "2006:01:02 15:04:05-07:00", "2006:01:02 15:04:05",
		time.ANSIC, "2006-01-02",
	} {
		at, err := time.Parse(layout, v)
		if err != nil || at.Year() < 1980 || at.Year() > 2100 {
			continue
		}
		if strings.Contains(layout, "07") {
			p.CreatedAt = at.Format(time.RFC3339)
		} else {
			p.CreatedAt = at.Format("2006-01-02T15:04:05")
		}
		return true
	}
	return false
}

func seconds(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) > 1e11 {
		return 0
	}
	return f
}

func integer(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func ratio(s string) (num, den int64) {
	a, b, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0
	}
	num, den = integer(a), integer(b)
	if den <= 0 {
		return 0, 0
	}
	return num, den
}

// word lets a short word of ffprobe's own vocabulary through.
func word(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// tags keeps tags within bounds: at most 64, each at most 1 KiB of valid UTF-8 without control characters.
func tags(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	clean := func(s string, n int) string {
		s = strings.ToValidUTF8(s, "\ufffd")
		if len(s) > n {
			s = strings.ToValidUTF8(s[:n], "")
		}
		return strings.Map(func(r rune) rune {
			if r < ' ' && r != '\n' || r == 0x7f {
				return -1
			}
			return r
		}, s)
	}
	out := map[string]string{}
	for k, v := range in {
		if len(out) == 64 {
			break
		}
		out[clean(k, 64)] = clean(v, 1024)
	}
	return out
}

// extensions that fit each format; a format that is not listed is not judged.
var extensions = map[string]string{
	"avi": "avi divx", "mov": "mp4 m4v mov 3gp 3g2 m4a qt f4v insv mj2", "matroska": "mkv webm mka mk3d",
	"mpegts": "ts mts m2ts m2t trp tp", "mpeg": "mpg mpeg vob mod ps", "asf": "asf wmv wma", "h264": "h264 264 avc h26l",
	"hevc": "hevc h265 265", "dav": "dav", "flv": "flv", "wav": "wav wave", "mp3": "mp3 mp2", "aac": "aac adts",
	"flac": "flac", "amr": "amr", "ogg": "ogg oga ogv opus", "gif": "gif", "jpeg": "jpg jpeg jpe jfif mpo", "png": "png",
	"webp": "webp", "bmp": "bmp dib", "tiff": "tif tiff dng", "heif": "heic heif avif hif", "pdf": "pdf ai",
	"zip": "zip docx xlsx pptx odt ods odp jar apk epub kmz", "ole": "doc xls ppt msg msi db", "rtf": "rtf doc",
	"7z": "7z", "rar": "rar", "gzip": "gz tgz", "bzip2": "bz2", "xz": "xz", "zstd": "zst", "tar": "tar",
	"program": "so elf bin o ko", "database": "db sqlite sqlite3", "m4v": "m4v mp4v", "mpegvideo": "mpv m2v m1v mpg",
	"playlist": "m3u m3u8 pls asx wpl mpd smil txt", "aiff": "aif aiff aifc", "au": "au snd", "caf": "caf", "w64": "w64",
}

// textual are extensions under which writing is expected.
const textual = " txt log csv tsv md json xml html htm ini cfg conf srt vtt ass sub yaml yml eml ics vcf sh py js css tex nfo rtf sql php c h go "

// ExtensionAnomaly compares an extension (with or without the dot, any case; empty for none) with the true type.
// A format of which no extension is known, and an unknown one under any name, are not judged.
func (p Probe) ExtensionAnomaly(ext string) (Anomaly, bool) {
	ext = strings.ToLower(strings.TrimPrefix(ext, "."))
	known := extensions[p.Format]
	if p.Format == "text" {
		known = textual
	}
	if known == "" || ext != "" && strings.Contains(" "+known+" ", " "+ext+" ") {
		return Anomaly{}, false
	}
	if p.Format == "text" && !mediaExtension(ext) {
		return Anomaly{}, false
	}
	if ext == "" {
		return Anomaly{AnomalyExtension, "none; the bytes are " + p.Format}, true
	}
	return Anomaly{AnomalyExtension, "the bytes are " + p.Format}, true
}

// mediaExtension says whether an extension promises something other than writing.
func mediaExtension(ext string) bool {
	if ext == "" {
		return false
	}
	for _, list := range extensions {
		if strings.Contains(" "+list+" ", " "+ext+" ") {
			return true
		}
	}
	return false
}
