// What chance is in the tests of servers: all of it comes from seeds.

import TestRandom

public typealias SplitMix64 = TestRandom.SplitMix64
