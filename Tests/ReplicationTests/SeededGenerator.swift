// What chance is in the tests of this target: all of it comes from seeds.

import TestRandom

typealias SeededGenerator = SplitMix64
