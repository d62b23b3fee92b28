// Package app puts the rooms together: it opens a home folder, builds what a command needs in a stated order, and takes
// it down in the reverse order.
//
// It guarantees that nothing is created by opening: a home, a vault or a database that is missing, foreign or does not
// open is refused, and only Init makes one; that vault and database are of one archive; that secrets stay in memory;
// and that every error has one exit code (ExitCode).
//
// The order: configuration, home, storage of the vault, vault (opened by passphrase or key file), secrets, database,
// custody record, queue, activities. It decides nothing about material and shows nothing to anyone.
package app
