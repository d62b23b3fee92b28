// Package account lets people in: one-time links, passkeys, passwords with a second factor, sessions, roles granted and
// withdrawn.
//
// It guarantees that a link works once and for half an hour, that nothing by which somebody signs in is stored in a form
// from which it could be used (hashes of links and session tokens, Argon2id of passwords, public keys of passkeys,
// second factors sealed under the record key), that a password alone never opens the door, that guessing waits longer
// with every failure, that an unknown name and a wrong password cannot be told apart, that the last
// administrator cannot be removed, and that each change is a custody event in the transaction that makes it. The events
// name accounts by identifier; names and addresses are in none of them.
//
// It stores no address of anybody. It does not decide who may see what: that is package policy, whose answers it asks
// for before every act on other people's accounts. It does not notify anybody: a link is shown to who made it, and
// reaches its owner by whatever way the group trusts.
package account
