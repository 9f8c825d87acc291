"""Faults that one could make in the functions, each a change of their text. functions_check.py seeds them one by one, and some check must find each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    right: str
    wrong: str

    def applied(self, text):
        count = text.count(self.right)
        assert count == 1, f"{self.name}: what it changes is in the functions {count} times"
        return text.replace(self.right, self.wrong)


FAULTS = [
    Fault("an equal version is taken again", "    return d > h\n", "    return d >= h\n"),
    Fault("the second word of a version is not compared", "    if b ~= f then return b > f end\n", ""),
    Fault("versions are signed", "struct.unpack('>I4I4I4I4', one)", "struct.unpack('>i4i4i4i4', one)"),
    Fault("presence stands where versions are equal", "takes = not (held and is_later(held, item.version))", "takes = (not held or is_later(item.version, held))"),
    Fault("a tombstone is not asked", "and (not gone or is_later(item.version, gone))\n    else", "\n    else"),
    Fault("a tombstone stays beside the instance that came back", "            redis.call('HDEL', keys.t, item.id)\n", ""),
    Fault("an instance keeps its deadline when it is deregistered", "            if redis.call('ZREM', shard.z, entry) == 0 then redis.call('ZREM', keys.y, item.id) end\n        end\n    end\n    if override",
          "        end\n    end\n    if override"),
    Fault("capacity is one too many", "redis.call('HLEN', keys.i) >= item.capacity", "redis.call('HLEN', keys.i) > item.capacity"),
    Fault("capacity refuses who is in already", "if takes and is_instance and not held and", "if takes and is_instance and"),
    Fault("a put forgets a renewal", "heard = math.max(heard, math.min(shard.now, deadline - before))", "heard = heard"),
    Fault("a put never shortens a lease", "if new == deadline or not takes and deadline and new < deadline then", "if deadline and new <= deadline then"),
    Fault("an older put lowers the deadline", "or not takes and deadline and new < deadline then", "then"),
    Fault("a heartbeat of the future is believed", "math.min(shard.now, deadline - before)", "deadline - before"),
    Fault("the age of a heartbeat does not count", "local heard, lease, deadline = shard.now - item.age,", "local heard, lease, deadline = shard.now,"),
    Fault("a renewal lowers deadlines", "'XX', 'GT', unpack", "'XX', unpack"),
    Fault("a renewal makes a deadline", "        if deadlines[number] and deadline < math.huge then", "        if not deadlines[number] then redis.call('ZADD', shard.z, 0, entries[number]) end\n        if deadlines[number] and deadline < math.huge then"),
    Fault("an endless renewal makes a lease endless", "if deadlines[number] and deadline < math.huge then", "if deadlines[number] then"),
    Fault("what is due is swept at once", "local SWEEP_DELAY = 300", "local SWEEP_DELAY = 0"),
    Fault("the sweep does not wait for the hold", "    if shard.now >= shard.hold then\n        local released", "    if true then\n        local released"),
    Fault("a hold ends a millisecond late", "    if shard.now >= shard.hold then\n        local released", "    if shard.now > shard.hold then\n        local released"),
    Fault("a hold may end earlier than another", "    if moment <= shard.hold then return end\n", "    if moment == 0 then return end\n"),
    Fault("another member's silence holds nothing", "if is_silent then hold = math.max(hold, last + grace) else", "if not is_silent then"),
    Fault("one's own silence holds nothing", "        if now - own > SILENCE then hold = now + grace end\n", ""),
    Fault("the first member holds nothing", "elseif not is_anybody_heard and redis.call('ZCARD', shard.z) + redis.call('HLEN', shard.b) > 0 then", "elseif false then"),
    Fault("a silent member is never removed", "            if is_silent and last + grace <= now then", "            if false then"),
    Fault("an event comes without its number", "    if shard.seq > before then keep_seq(shard) end\n    answer", "    answer"),
    Fault("an event has the override that was sent", "seq = append(shard, 'p' .. item.state .. counted(override or ''))", "seq = append(shard, 'p' .. item.state .. counted(item.override))"),
    Fault("an event has the state that was sent", "local state = takes and item.state or string.sub(held and without_lease(held) or gone, 17)", "local state = item.state"),
    Fault("a state that is told again has the version that is in it", "local version = turned or string.sub(held or gone, 1, 16)", "local version = item.version"),
    Fault("the later version stands, whatever clients say of their changes", "    if is_later_version == (item.changed > changed) then return nil end\n", "    if true then return nil end\n"),
    Fault("a client's time decides against a version of long ago too", "    if math.abs(milliseconds_of(item.version) - milliseconds_of(held)) > SAME_TIME then return nil end\n", ""),
    Fault("a client's time counts for a little longer", "milliseconds_of(held)) > SAME_TIME", "milliseconds_of(held)) > SAME_TIME + 1"),
    Fault("what stands against a later version is not stored in a later one", "    if stays then redis.call('HSET', keys.i, item.id, turned .. string.sub(held, 17)) end\n", ""),
    Fault("what stands against a later version stands in an older one", "    return version_after(is_later_version and item.version or string.sub(held, 1, 16))", "    return version_after(is_later_version and string.sub(held, 1, 16) or item.version)"),
    Fault("a client's time is forgotten", "with_lease(item.version, item.state, item.lease, item.changed)", "with_lease(item.version, item.state, item.lease)"),
    Fault("the lease of what has a client's time is below 0", "    return math.abs((struct.unpack('>d', string.sub(value, -8))))", "    return (struct.unpack('>d', string.sub(value, -8)))"),
    Fault("nothing tells what ran out", "    append(shard, 'x' .. struct.pack", "    local _ = ('x' .. struct.pack"),
    Fault("the last one of what ran out together is not told", "            for place = first, last do\n                local value", "            for place = first, last - 1 do\n                local value"),
    Fault("what ran out together is told again with what comes after it", "unpack(names, first, last)), { head }, 1\n            for place", "unpack(names, 1, last)), { head }, 1\n            for place"),
    Fault("the next lease is told to go at its end", "ends + SWEEP_DELAY or 0", "ends or 0"),
    Fault("an endless lease is told to go", "    return ends < math.huge and ends", "    return ends"),
    Fault("an event tells of however many leases", "local MOST_TOLD = 50", "local MOST_TOLD = 500"),
    Fault("leases run out together although a budget counts", "        if budget or #minutes.order > 0 then", "        if #minutes.order > 0 then"),
    Fault("an override of what ran out together is kept for good", "                if override and values[place] then", "                if false then"),
    Fault("one lease too few is over in the end", "call('ZREMRANGEBYRANK', shard.z, 0, count - 1)", "call('ZREMRANGEBYRANK', shard.z, 0, count - 2)"),
    Fault("an override of what ran out is kept for good", "    if redis.call('HEXISTS', keys.o, id) == 1 then", "    if false then"),
    Fault("an override is forgotten although its instance is back", "            redis.call('ZREM', shard.g, 'o' .. entry)\n", ""),
    Fault("a word on a service is forgotten although another stands", "        redis.call('ZREM', shard.g, entry)\n    end\n    return seq", "    end\n    return seq"),
    Fault("tombstones are kept for good", "        redis.call('HDEL', keys[string.sub(entry, 1, 1)], id)\n", ""),
    Fault("an empty namespace stays in the set", "redis.call('SREM', shard.n, namespace) end", "local _ = namespace end"),
    Fault("a namespace that has tombstones leaves the set", "redis.call('EXISTS', names.i, names.t, names.o, names.s)", "redis.call('EXISTS', names.i, names.o, names.s)"),
    Fault("any epoch will do", "    if shard.epoch ~= epoch then", "    if false then"),
    Fault("another server begins no generation", "    elseif redis.call('HGET', shard.m, 'run') ~= run then", "    elseif false then"),
    Fault("only the last generation counts", "    for later = since + 1, generation do", "    for later = generation, generation do"),
    Fault("numbers begin anew where m was lost", "            shard.seq = math.max(shard.seq, tonumber(string.match(about[at + 1], '^%d+')))", ""),
    Fault("a wrong item is found after the first write", "    for number = 1, count do items[number] = item_at(args, 10 * number - 7) end\n    local shard, namespaces = shard_in(keys, args[1]), {}\n",
          "    local shard, namespaces = shard_in(keys, args[1]), {}\n    redis.call('SADD', shard.n, args[4])\n    for number = 1, count do items[number] = item_at(args, 10 * number - 7) end\n"),
    Fault("keys are not looked at before the first write", "        redis.call('HLEN', keys.t)\n        redis.call('HLEN', keys.o)\n", ""),
    Fault("a full store refuses renewals", "register('a8_renew', { 'allow-oom' }", "register('a8_renew', {}"),
    Fault("a full store takes registrations", "register('a8_put', {}", "register('a8_put', { 'allow-oom' }"),
    Fault("a stream is not bounded by bytes", "    if shard.grown > STREAM_BYTES then", "    if false then"),
    Fault("a stream is cut too short", "decimal(shard.mark + 1) .. '-0')", "decimal(shard.seq + 1) .. '-0')"),
    Fault("a budget lets one too many go", "if budget and not is_too_long and minute.count >= minute.allowance then break end", "if budget and not is_too_long and minute.count > minute.allowance then break end"),
    Fault("a budget does not count who goes at once", "            if minute then minute.count = minute.count + 1 end\n", ""),
    Fault("a budget does not count whom it lets go", "            minute.count, released = minute.count + 1, released + 1", "            released = released + 1"),
    Fault("the newest go first", "or minute.count < minute.allowance and redis.call('ZCARD', keys.y) == 0 then", "or minute.count < minute.allowance then"),
    Fault("a budget counts in small namespaces", "    if redis.call('HLEN', keys.i) < SMALLEST then return nil end\n", ""),
    Fault("a lease is held back for ever", "            if budget and not is_too_long and minute.count", "            if budget and minute.count"),
    Fault("without a budget leases stay held back", "            if budget and not is_too_long and minute.count >= minute.allowance then break end", "            if not is_too_long and minute.count >= minute.allowance then break end"),
    Fault("a minute does not end", "    if not budget or minute and minute.ends > shard.now then return minute end", "    if not budget or minute then return minute end"),
    Fault("a renewed lease stays held back", "            redis.call('ZREM', back.key, back.id)\n", ""),
    Fault("who is held back cannot be renewed", "(deadlines[number] or back) and '1' or '0'", "deadlines[number] and '1' or '0'"),
    Fault("a put forgets who is held back", "    if is_held_back then redis.call('ZREM', keys.y, item.id) end\n", ""),
    Fault("who is held back is deregistered by half", "if redis.call('ZREM', shard.z, entry) == 0 then redis.call('ZREM', keys.y, item.id) end", "redis.call('ZREM', shard.z, entry)"),
]
