// Package sandbox runs one outside program behind several independent walls, because what such a program parses
// comes from people who may wish us harm.
//
// It guarantees, on Linux: the program reads nothing but the system's libraries and the descriptors it is handed,
// writes nothing but those, has no network and no sockets, starts no process, sees and signals none, and does not
// outlive its run; its memory, time and output are bounded; it starts with an empty environment and no
// privileges. Each wall is named in [Sandbox.Report], and each is tested alone. File-system isolation must come
// from Landlock or from bubblewrap: where neither works, [New] refuses unless the operator allowed it. Nothing
// degrades silently: a wall that stood at start-up and cannot be put up later stops the run.
//
// It does not protect against faults of the kernel, nor against what the program says about its input: what comes
// out must be parsed as untrusted by the caller.
//
// The walls are put up by a launcher, which is this same executable started again: [Main], called from an
// initialiser, takes such a process over before anything else in it runs.
package sandbox
