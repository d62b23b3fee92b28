package commit

const (
	wantWhole       = "38a05b8db87fd6fa0bb26517429d5cf1900ff37475d9bd67965ef7debbef2cc4"
	wantSegment     = "4ca7d23f85fc5cded37c2d8852e46c8c78c0482b60ae1ae0faf990205907ede6"
	wantSegmentRoot = "f9637b9a7ef7bff39a7b448bce6e6ad9a3d704731965c203c2a1517265a8f756"
)
