// SwiftPM gives the main of an executable a name of its own and calls that, so libFuzzer's main is never reached; this one stands in for it.

int fuzz_main(int argc, char **argv);
