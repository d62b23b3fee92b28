// Package c2sp checks that what Zapis writes and speaks is C2SP and not merely its own idea of it: programs and libraries
// by others read its transparency log, verify its cosignatures, ask its witness, and cosign for it.
//
// It is a module of its own, so that none of these libraries enters the program. It holds tests only.
package c2sp
