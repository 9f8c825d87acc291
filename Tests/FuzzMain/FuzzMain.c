#include "FuzzMain.h"

#include <stddef.h>
#include <stdint.h>

// Of Entry.swift.
int LLVMFuzzerTestOneInput(const uint8_t *start, size_t count);
// Of libFuzzer, for programs that bring a main of their own.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *start, size_t count));

int fuzz_main(int argc, char **argv) { return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput); }
