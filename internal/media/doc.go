// Package media reads footage, sound, pictures and papers with ffmpeg, ffprobe and poppler, each run in a
// sandbox over sealed memory or a pipe, and makes working copies of them.
//
// It guarantees: an original is read through [Source] and never written, neither to a disk nor under a name; the
// outside programs get one input and no other file, no network and no way to start a process; the demuxer is
// chosen here, from the first bytes, and is the only one that the program may open; a result is given back only
// when the program ended by itself, said so, and every byte it made was parsed again and is what the recipe
// promises. Whatever is wrong with the material is a finding ([Anomaly]) and not a failure, as long as something
// can be decoded.
//
// Memory, at most: the budget for originals (512 MiB unless set, shared by all runs at one time), 4 GiB of address
// space for each program under way (measured: 0.1 to 0.3 GB resident for 1080p), and in this process for each run the
// index of an MP4 (at most 128 MiB as it lies in the file, about four times that when taken apart; 15 MiB for an
// hour at 25 frames a second) or the pictures of a quick pass (some 30 MiB), and 40 bytes a frame in a full pass.
//
// It does not judge what is to be seen, keep anything, know names of files or people, or make a picture safer to
// look at. A working copy is not evidence: it is re-encoded, at a constant frame rate; [Timing] leads from its
// frames back to those of the original. Memory given to a program can be swapped out by the system: the report
// of the layers says whether swap is on.
package media
