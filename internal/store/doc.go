// Package store keeps the catalogue in a database: SQLite in one encrypted file, or PostgreSQL.
//
// It guarantees that one SQL text serves both engines and that one suite (storetest) holds every method to the same
// behaviour on both; that everything written in one [DB.Write] becomes visible and durable together or not at all; that
// the tables of the custody record and of proofs can only be added to, enforced by the database itself, and that openings
// and salts leave them only under an erasure that two people agreed to; that every list is limited by an
// [archive.Scope]; and that the roll-up from which day counts and facets are answered changes in the transaction that
// changes the items. A database that is missing, foreign, newer than the program or not migrated is refused.
//
// It decides nothing about who may do what, records no custody events by itself, and does not encrypt PostgreSQL: what
// may name people arrives here already sealed. On SQLite the file is encrypted (Adiantum) and every page carries a
// checksum, which finds damage; whoever holds the key can still forge, and that is found by the custody record.
//
// For the operator: SQLite wants one local disk (never a network share) and keeps zapis.db, zapis.db-wal and
// zapis.db-shm side by side; all three are needed for a copy while the program runs. PostgreSQL 15 or newer, a database
// of its own and a role that owns it.
package store
