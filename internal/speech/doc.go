// Package speech asks a speech engine that runs on this machine or on the own network what is said in a piece of sound. It speaks two
// forms: that of OpenAI (POST /v1/audio/transcriptions), which many local servers understand, and that of the server of whisper.cpp
// (POST /inference).
//
// It guarantees that sound goes to no address but a loopback or a private one: the name of the engine is resolved at every connection, every
// address that comes out is checked, and the connection goes to an address that was checked, so that a name which later points
// elsewhere is refused, too. No proxy is used and no redirection followed. Only Elsewhere, which says in words that recordings leave the network, lifts
// that, and then asks for https. An engine that is not there is told from an answer that cannot be used (ErrAway, ErrAnswer). What an engine says
// is bounded, and is never quoted in errors.
//
// It does not decode media, cut recordings or keep anything, and does not judge what an engine hears.
package speech
