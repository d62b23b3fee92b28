// Package fault kills the real program while it works, again and again, and checks what is left.
//
// It guarantees nothing about loss of power (a killed process keeps its page cache; the simulated disk of
// internal/faultfs is for that): it shows that no moment exists in the life of a real ingest at which being killed
// loses, doubles or half-writes anything.
//
// A short share runs with every test; ZAPIS_FAULT=full makes it a thousand kills (make fault), ZAPIS_FAULT_KILLS any
// number.
package fault
