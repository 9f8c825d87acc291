#!/usr/bin/env bash
# swift-format of Swift 6.3.1 turns a loop over something unsafe into a loop over something undeclared.
#
# One would guess: a formatter changes white space and nothing that the compiler sees, so that what compiled before compiles after.
# Seen: `for unsafe value in unsafe pointers` (Swift 6.2's way to say that the iteration itself is unsafe, which the compiler demands under strict
# memory safety) loses the space after the first `unsafe`: the loop's variable is then called `unsafevalue`, and the body names one that is not there.
# Formatting twice changes nothing any more, and lint finds nothing wrong with the result.
# Why it matters here: the registry is built with strict memory safety and formatted by this tool, so loops over C's pointers are written with
# forEach or over indices. Where the body does not name the variable, the change would even compile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
swift --version 2>/dev/null | grep -q 'Swift version 6.3.1' || { echo "another Swift than 6.3.1: look again"; exit 1; }
cat >before.swift <<'S'
func sum(_ values: UnsafeBufferPointer<Int>) -> Int {
    var sum = 0
    for unsafe value in unsafe values { sum += value }
    return sum
}
S
swiftc -typecheck -strict-memory-safety -warnings-as-errors before.swift || { echo "changed: the loop is not valid any more"; exit 1; }
cp before.swift after.swift
swift format --in-place after.swift
if swiftc -typecheck -strict-memory-safety after.swift 2>errors; then
    echo "changed: what is formatted compiles"
    exit 1
fi
grep -q "cannot find 'value' in scope" errors
grep -q 'for unsafevalue in unsafe values' after.swift
swift format lint --strict after.swift
echo "seen: swift-format writes 'for unsafe value in' as 'for unsafevalue in', and lints it without a word"
