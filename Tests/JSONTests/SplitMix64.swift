// What chance is in the tests of this target: all of it comes from seeds.

import TestRandom

typealias SplitMix64 = TestRandom.SplitMix64
