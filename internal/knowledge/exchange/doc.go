// Package exchange takes tables and FollowTheMoney files into the catalogue and takes the catalogue out in the formats of others.
//
// It guarantees that a row is taken in whole or refused with its number and a reason; that a dry run writes nothing; that a run that broke
// off goes on where it stopped, and that a whole import can be undone; that nothing said before is removed by a file, only added to or, when
// the mapping says so, replaced by the person's own later claim; that memory stays bounded whatever a file holds, and that workbooks with
// macros, links to other files or too much packed into them are refused. What goes out holds only what its maker may see and what the
// consents of testimony allow for the purpose and audience that were named; it is in the ledger and the custody record before the first byte
// leaves, and says how much was left out.
//
// It does not fetch anything from elsewhere, does not keep the files it reads, and does not say whether what they state is true.
package exchange
