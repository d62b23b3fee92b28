// Package web is the workspace: pages drawn on the server, the JSON that their scripts ask for, and the bytes of working
// copies in ranges.
//
// It guarantees that every address is declared in routes.go with the action that package policy decides about, and that
// there is no other; that what is forbidden answers like what is absent, to the byte; that every answer carries a
// content-security policy without inline script and with Trusted Types, no referrer, no caching of anything but hashed assets;
// that requests which change something are refused from other origins and under names of hosts that are not ours; and
// that the operator's logger learns the pattern of an address, never the address, and nothing about who asked from where.
//
// It imports activities and never the vault, the catalogue or the custody record: what it shows of the material it
// gets from the reading room, which decides and records; how the transparency log stands and what was stated it asks their own rooms. It sends nothing to anybody else and fetches nothing from anywhere.
//
// Handlers do five things: parse, authorise through the activity, act, record (the activity does), render. They return an
// error, and one function (error.go) turns it into a page or into JSON.
package web
