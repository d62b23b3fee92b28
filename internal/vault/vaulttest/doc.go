// Package vaulttest is the conformance and fault suite of the vault: the same tests for every storage.
//
// It guarantees that a storage that passes Backend keeps the promises of the port, and that a vault on it keeps those of
// package vault: every size and range, every damage found and named, nothing acknowledged lost whichever call fails,
// erasure final, keys changed without loss whichever step a crash hits. A new storage plugs in with one call of Run
// that gives an empty place for each test. StartS3 starts a real S3 server; Memory and Faulty are storages for faults.
//
// It is for tests only and does not measure speed. Power cuts and failing disks below a local folder are simulated by
// package faultfs.
package vaulttest
