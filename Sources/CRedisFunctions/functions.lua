#!lua name=a8
-- What members without state have the Redis server do for them: one call is one decision that no other call interrupts.
-- A member loads this library when the server has none or an older one (a8_version). docs/redis-functions.md has the contract: what
-- each key holds, what each function promises, and what an error means.
--
-- Every function but a8_version has one key, the hash m of a shard, as in {a8.7}:m, or its tag alone, as in {a8.7}; all
-- keys are derived from the tag, so that they are in one slot of a Redis cluster.
--
--     m        hash    schema, epoch, seq (the number of the last event), hold (ms: nothing is swept before), run (of the
--                      server), base:GEN (seq when the generation began), grown (bytes of the events since mark), mark
--     i:NS     hash    id -> version, state, lease     instances that are live (with_lease)
--     t:NS     hash    id -> version, state            tombstones of those that were deregistered
--     o:NS     hash    id -> version, bytes            what an operator said of an instance
--     s:NS     hash    name -> version, state          what an operator said of a service
--     z        zset    NS NUL id -> ms                 when a lease is over; +inf for one that is endless
--     y:NS     zset    id -> ms                        when the lease was over of those that are held by a budget
--     b        hash    NS -> end, allowance, count, since    minutes in which a budget counts (minute_of)
--     g        zset    t, o or s, NS NUL id -> ms      when one of these is forgotten
--     n        set     namespaces that have any of i, t, o, s
--     a, w     zset, hash    members: when each announced itself last, in ms, and what it says of itself
--     e        stream  seq-0 -> d, the bytes of an event
--     s        there is none, ever (expect_whole)
--
-- Invariants, after every call:
--   1. Each id of an i hash is in z or in its namespace's y, and in one of them only; nothing else is in these, and no id
--      of i is in t too. b has each namespace of which there is a y.
--   2. Versions never go back: what stands for an id is the latest of i and t that was put, until it is swept or forgotten.
--   3. seq rises by one with each event, and each change of i, t, o and s, but for what is forgotten, is in an event that
--      has all that is held of the id then. Whoever takes the events one after the other holds what the hashes hold.
--   4. An override of an id that is not in i is in g, and one of an id that is in i is not. Each tombstone is in g.
--      What is in g is there.
--   5. n has a namespace as long as it has anything, and no longer.
--   6. A call that is answered with an error has changed nothing: arguments and the types of keys are checked before the
--      first write, and an event is appended before what it tells is written.
--
-- All times are those of this server's clock. Numbers are doubles, exact up to 2^53.

local VERSION = 3
local SCHEMA = '1'

local STREAM_LENGTH = '10000' -- entries that a stream keeps, about
local STREAM_BYTES = 4194304 -- of events: a stream keeps the last ones of so many, and of twice as many at most
local TOMBSTONE_TIME = 15 * 60 * 1000 -- ms that a deregistration is remembered
local OVERRIDE_TIME = 60 * 60 * 1000 -- ms that an override outlives its instance
local SWEEP_DELAY = 300 -- ms between the end of a lease and its sweep: a renewal may be on its way
local MINUTE = 60 * 1000 -- ms in which a budget lets so many leases of a namespace run out
local LEAST = 10 -- leases that run out in a minute in any case
local SMALLEST = 20 -- instances of the smallest namespace for which a budget counts
local SILENCE = 2500 -- ms without an announcement, after which a member may be unable to renew for its clients
local PRESENCE = 3000 -- ms since the last announcement within which a member counts

local SAME_TIME = 2000 -- ms between the versions of registrations that members took without knowing of each other

local GENERATIONS = 16 -- of which it is known where they began

local MOST_PUT = 128 -- items of a call
local MOST_RENEWED = 1000
local MOST_ASKED = 1000
local MOST_SWEPT = 500
local MOST_TOLD = 50 -- leases of an event: their ids are not too long for one
local LONGEST_NAME = 16384 -- bytes of a namespace, an id, the name of a service
local LONGEST_STATE = 1048576 -- bytes of a state, an override, an event
local LONGEST_MEMBER = 256 -- bytes of a member's id
local LONGEST_RUN = 64 -- bytes of a server's run id
local LONGEST_ABOUT = 4096 -- bytes of what a member says of itself
local LONGEST_CHANGED = 999999999999999 -- of the times that clients give their changes
local LONGEST_TIME = 10000000000000 -- ms: the longest lease of a state, and an age that nothing has

-- Errors ------------------------------------------------------------------------------------------------------------

-- Ends the call with an error whose first word tells a program what it is.
local function refuse(word, sentence)
    error({ refusal = word .. ' ' .. sentence })
end

-- Registers a function whose refusals are error replies. An error of a command stays as Redis words it: pcall has it as a
-- string that begins with its word, which error() would put behind another one.
local function register(name, flags, body)
    local function callback(keys, args)
        local done, reply = pcall(body, keys, args)
        if done then return reply end
        if type(reply) == 'table' and reply.refusal then return redis.error_reply(reply.refusal) end
        if type(reply) == 'table' then error(reply) end
        if string.find(reply, '^%u+ ') then return redis.error_reply(reply) end
        error(reply, 0)
    end
    redis.register_function({ function_name = name, callback = callback, flags = flags })
end

-- Arguments ---------------------------------------------------------------------------------------------------------

local function expect_count(args, count)
    if #args ~= count then refuse('A8ARG', 'takes ' .. count .. ' arguments, not ' .. #args) end
end

-- The number of items that the arguments after the first ones are.
local function count_items(args, first, width, most)
    local count = (#args - first) / width
    if count < 1 or count ~= math.floor(count) then refuse('A8ARG', 'takes items of ' .. width .. ' arguments') end
    if count > most then refuse('A8ARG', 'takes at most ' .. most .. ' items, not ' .. count) end
    return count
end

-- A whole number in decimal digits.
local function whole(text, most, name)
    if not string.find(text, '^%d+$') or #text > 15 or tonumber(text) > most then
        refuse('A8ARG', name .. ' is a number from 0 to ' .. string.format('%.0f', most))
    end
    return tonumber(text)
end

-- How long a lease lasts from now; less than 0 when it is over, as for a heartbeat that was long on its way.
local function rest_of_lease(text)
    if text == 'inf' then return math.huge end
    local sign, digits = string.match(text, '^(%-?)(%d+)$')
    local rest = whole(digits or '', LONGEST_TIME, 'what is left of a lease, but for its sign and inf,')
    return sign == '-' and -rest or rest
end

local function lease_time(text)
    if text == 'inf' then return math.huge end
    local lease = whole(text, LONGEST_TIME, 'a lease that is not inf')
    if lease == 0 then refuse('A8ARG', 'a lease is longer than 0') end
    return lease
end

-- A budget: the share of a namespace's leases that may run out in a minute, in percent, and for how many ms one is held at
-- most; nil is none.
local function budget_of(text)
    if text == '' then return nil end
    local share, longest = string.match(text, '^(%d+):(%d+)$')
    share = whole(share or '', 100, 'the share of a budget, with a colon and a time behind it,')
    if share == 0 then refuse('A8ARG', 'the share of a budget is above 0') end
    return { share = share, longest = whole(longest, LONGEST_TIME, 'the time of a budget') }
end

local function bytes_of(text, most, name)
    if #text == 0 or #text > most then refuse('A8ARG', name .. ' has 1 to ' .. most .. ' bytes') end
    return text
end

-- A namespace ends at the first NUL of an entry of z, so it has none itself. It may be empty.
local function namespace_of(text)
    if #text > LONGEST_NAME or string.find(text, '%z') then
        refuse('A8ARG', 'a namespace has at most ' .. LONGEST_NAME .. ' bytes, and none of them is NUL')
    end
    return text
end

-- Sixteen hexadecimal digits, which whoever seeded the shard chose, and where it is there the generation behind a point.
local function parts_of_epoch(text)
    local digits, generation = string.match(text, '^(%x+)%.?(%d*)$')
    if not digits or #digits ~= 16 or #generation > 15 or #text ~= 16 + (generation == '' and 0 or 1 + #generation) then
        refuse('A8ARG', 'an epoch is 16 hexadecimal digits, and a generation behind a point')
    end
    return digits, tonumber(generation)
end

-- Bytes ---------------------------------------------------------------------------------------------------------------

-- How many bytes there are, in base 128, the lowest digit first.
local function count_of(bytes)
    local count, digits = #bytes, ''
    while count >= 128 do
        digits = digits .. string.char(128 + count % 128)
        count = math.floor(count / 128)
    end
    return digits .. string.char(count)
end

local function counted(bytes)
    return count_of(bytes) .. bytes
end

-- Whether the version that the one value begins with is later than the other's. Versions are unsigned numbers of 128
-- bits; strings are not compared by <, which goes by the server's locale.
local function is_later(one, other)
    if #one < 16 or #other < 16 then return #one >= 16 end
    local a, b, c, d = struct.unpack('>I4I4I4I4', one)
    local e, f, g, h = struct.unpack('>I4I4I4I4', other)
    if a ~= e then return a > e end
    if b ~= f then return b > f end
    if c ~= g then return c > g end
    return d > h
end

-- The value of an instance ends with its lease, a double of 8 bytes in big-endian order, infinity for an endless one: with
-- the deadline it tells when the last heartbeat was. The lease of one whose client says when it changed it last is written
-- below 0, and that time is before it, in 8 bytes too.
local function with_lease(version, state, lease, changed)
    if not changed then return version .. state .. struct.pack('>d', lease) end
    return version .. state .. struct.pack('>dd', changed, -lease)
end

local function lease_in(value)
    if #value < 24 then return math.huge end
    return math.abs((struct.unpack('>d', string.sub(value, -8))))
end

local function changed_in(value)
    if #value < 32 or struct.unpack('>d', string.sub(value, -8)) > 0 then return nil end
    return (struct.unpack('>d', string.sub(value, -16, -9)))
end

local function without_lease(value)
    return string.sub(value, 1, changed_in(value) and -17 or -9)
end

-- The milliseconds of a version's time, which is in 65,536ths of them.
local function milliseconds_of(version)
    local high, low = struct.unpack('>I4I4', version)
    return high * 65536 + math.floor(low / 65536)
end

-- A version just after another one, which no member gives: its origin is none of theirs.
local function version_after(version)
    local high, low = struct.unpack('>I4I4', version)
    low = low + 2
    if low >= 4294967296 then high, low = (high + 1) % 4294967296, low - 4294967296 end
    return struct.pack('>I4I4', high, low) .. string.rep('\255', 8)
end

-- Shards --------------------------------------------------------------------------------------------------------------

-- Now, in ms and µs. Tests have a copy of this library with another clock in this place.
local function clock()
    local time = redis.call('TIME')
    local microseconds = tonumber(time[1]) * 1000000 + tonumber(time[2])
    return math.floor(microseconds / 1000), microseconds
end

local function decimal(number)
    return string.format('%.0f', number)
end

-- Fails while the slot is on its way to another node of a cluster. Some keys of the shard are there then and some are here,
-- and those that are elsewhere look as if they were empty at the one node, and end a call in its midst at the other one.
-- Neither node takes a command on several keys of such a slot of which one is missing.
local function expect_whole(tag)
    redis.call('EXISTS', tag .. ':m', tag .. ':s')
end

-- A shard as it stands, whatever its epoch is.
local function shard_of(keys)
    local tag = #keys == 1 and (string.match(keys[1], '^(.*}):m$') or string.match(keys[1], '^.*}$'))
    if not tag then refuse('A8ARG', 'takes one key, {TAG}:m or {TAG}') end
    expect_whole(tag)
    local shard = { tag = tag, m = tag .. ':m', z = tag .. ':z', g = tag .. ':g', n = tag .. ':n' }
    shard.a, shard.w, shard.e, shard.b = tag .. ':a', tag .. ':w', tag .. ':e', tag .. ':b'
    local held = redis.call('HMGET', shard.m, 'schema', 'epoch', 'seq', 'hold', 'grown', 'mark')
    shard.schema, shard.epoch = held[1], held[2]
    shard.seq, shard.hold = tonumber(held[3] or '0') or 0, tonumber(held[4] or '0') or 0
    shard.grown, shard.mark = tonumber(held[5] or '0') or 0, tonumber(held[6] or '0') or 0
    shard.now, shard.microseconds = clock()
    return shard
end

-- A shard of which the caller knows the epoch. After Redis was emptied or seeded anew nobody writes to it by mistake.
local function shard_in(keys, epoch)
    local shard = shard_of(keys)
    if not shard.epoch then refuse('A8EPOCH', 'nothing is stored here: open it') end
    if shard.epoch ~= epoch then refuse('A8EPOCH', 'the epoch is ' .. shard.epoch .. ': open it again') end
    return shard
end

-- The keys of a namespace.
local function keys_of(shard, namespace)
    local tag = shard.tag
    return {
        i = tag .. ':i:' .. namespace, t = tag .. ':t:' .. namespace,
        o = tag .. ':o:' .. namespace, s = tag .. ':s:' .. namespace,
        y = tag .. ':y:' .. namespace,
    }
end

local function add_keys(shard, namespaces, namespace)
    if not namespaces[namespace] then namespaces[namespace] = keys_of(shard, namespace) end
end

-- Fails, before anything is written, where another program has put something of another type.
local function check_types(shard, namespaces)
    redis.call('ZCARD', shard.z)
    redis.call('ZCARD', shard.g)
    redis.call('SCARD', shard.n)
    redis.call('XLEN', shard.e)
    redis.call('HLEN', shard.b)
    for _, keys in pairs(namespaces) do
        redis.call('HLEN', keys.i)
        redis.call('HLEN', keys.t)
        redis.call('HLEN', keys.o)
        redis.call('HLEN', keys.s)
        redis.call('ZCARD', keys.y)
    end
end

-- Appends an event and returns its number, which `keep_seq` stores at the end of the call.
local function append(shard, bytes)
    local seq = shard.seq + 1
    redis.call('XADD', shard.e, 'MAXLEN', '~', STREAM_LENGTH, decimal(seq) .. '-0', 'd', bytes)
    shard.seq, shard.grown = seq, shard.grown + #bytes
    return seq
end

-- Entries are as large as what clients send, so their number alone is no bound: each time that so many bytes have come, all
-- goes that came before the last such time.
local function keep_seq(shard)
    if shard.grown > STREAM_BYTES then
        redis.call('XTRIM', shard.e, 'MINID', '~', decimal(shard.mark + 1) .. '-0')
        shard.grown, shard.mark = 0, shard.seq
    end
    redis.call('HSET', shard.m, 'seq', decimal(shard.seq), 'grown', decimal(shard.grown), 'mark', decimal(shard.mark))
end

-- Lets nothing be swept before a moment, if it is later than the one that holds.
local function hold_until(shard, moment)
    if moment <= shard.hold then return end
    shard.hold = moment
    redis.call('HSET', shard.m, 'hold', decimal(moment))
end

-- Put -----------------------------------------------------------------------------------------------------------------

-- An item's ten arguments, checked.
local function item_at(args, first)
    local item = { kind = args[first], namespace = namespace_of(args[first + 1]), version = args[first + 3] }
    item.id = bytes_of(args[first + 2], LONGEST_NAME, 'an id')
    if #item.version ~= 16 then refuse('A8ARG', 'a version has 16 bytes') end
    local lease, age, capacity = args[first + 4], args[first + 5], args[first + 6]
    item.age = age == '' and 0 or whole(age, LONGEST_TIME, 'an age')
    item.capacity = capacity == '' and math.huge or whole(capacity, LONGEST_TIME, 'a capacity')
    item.state = bytes_of(args[first + 7], LONGEST_STATE, 'a state')
    item.override = args[first + 8]
    if item.override ~= '' and (#item.override < 16 or #item.override > LONGEST_STATE) then
        refuse('A8ARG', 'an override has its version and at most ' .. LONGEST_STATE .. ' bytes')
    end
    if item.kind == 'i' then
        item.lease = lease_time(lease)
    elseif item.kind ~= 't' and item.kind ~= 's' then
        refuse('A8ARG', 'a kind is i, t or s')
    elseif item.kind == 's' and lease ~= '' then
        item.kept = whole(lease, LONGEST_TIME, 'the time that a service is kept')
    elseif lease ~= '' then
        refuse('A8ARG', 'a tombstone has no lease')
    end
    if item.kind == 's' and item.override ~= '' then
        refuse('A8ARG', 'a service has no override beside its state')
    end
    local changed = args[first + 9]
    if changed ~= '' then
        if item.kind ~= 'i' then refuse('A8ARG', 'an instance alone has a time at which its client changed it') end
        item.changed = whole(changed, LONGEST_CHANGED, 'the time of a change')
    end
    return item
end

-- Gives the lease of an instance its end. The last heartbeat is the later one of what is told and of what the deadline
-- says that stands: a renewal that another member took meanwhile is not lost, and a shorter lease ends sooner.
local function set_deadline(shard, keys, item, entry, held, takes)
    local heard, lease, deadline = shard.now - item.age, item.lease, nil
    local is_held_back = false
    if held then
        local before = lease_in(held)
        deadline = tonumber(redis.call('ZSCORE', shard.z, entry) or '')
        if not deadline then
            deadline = tonumber(redis.call('ZSCORE', keys.y, item.id) or '')
            is_held_back = deadline ~= nil
        end
        if deadline and deadline < math.huge and before < math.huge then
            heard = math.max(heard, math.min(shard.now, deadline - before))
        end
        if not takes then lease = before end
    end
    local new = heard + lease
    if new == deadline or not takes and deadline and new < deadline then return end
    redis.call('ZADD', shard.z, new == math.huge and '+inf' or decimal(new), entry)
    if is_held_back then redis.call('ZREM', keys.y, item.id) end
end

-- Of two registrations that members took at the same time, the one stands that its client changed later, whichever has the
-- later version: the version just after both, if by the versions the other one would stand.
local function contest(item, held, is_later_version)
    local changed = held and changed_in(held)
    if not item.changed or not changed or item.changed == changed then return nil end
    if math.abs(milliseconds_of(item.version) - milliseconds_of(held)) > SAME_TIME then return nil end
    if is_later_version == (item.changed > changed) then return nil end
    return version_after(is_later_version and item.version or string.sub(held, 1, 16))
end

-- Takes an instance or a tombstone, or the override that comes with it, where it is later than what stands.
local function put_id(shard, keys, item)
    local entry = item.namespace .. '\0' .. item.id
    local held = redis.call('HGET', keys.i, item.id)
    local gone = redis.call('HGET', keys.t, item.id)
    local override = redis.call('HGET', keys.o, item.id)
    local is_instance = item.kind == 'i'

    -- Absence stands where a tombstone has the version of what is held.
    local takes
    if is_instance then
        takes = (not held or is_later(item.version, held)) and (not gone or is_later(item.version, gone))
    else
        takes = not (held and is_later(held, item.version)) and (not gone or is_later(item.version, gone))
    end
    if takes and is_instance and not held and redis.call('HLEN', keys.i) >= item.capacity then return -1 end
    -- The version in which the other one stands than by the versions would.
    local turned = is_instance and contest(item, held, takes)
    if turned and not takes then item.version = turned end
    if turned then takes = not takes end
    local stays = turned and not takes
    local overrides = item.override ~= '' and (not override or is_later(item.override, override))
    if overrides then override = item.override end

    local seq = 0
    if takes and not turned then
        seq = append(shard, 'p' .. item.state .. counted(override or ''))
    elseif takes or overrides or stays then
        -- A state that is told again may stand in another version than the one that is in it.
        local state = takes and item.state or string.sub(held and without_lease(held) or gone, 17)
        local version = turned or string.sub(held or gone, 1, 16)
        seq = append(shard, 'v' .. version .. state .. counted(override or ''))
    end
    if seq > 0 then redis.call('SADD', shard.n, item.namespace) end
    if overrides then redis.call('HSET', keys.o, item.id, override) end
    if is_instance and (takes or held) then set_deadline(shard, keys, item, entry, held, takes) end
    if stays then redis.call('HSET', keys.i, item.id, turned .. string.sub(held, 17)) end
    if takes and is_instance then
        redis.call('HSET', keys.i, item.id, with_lease(item.version, item.state, item.lease, item.changed))
        if gone then
            redis.call('HDEL', keys.t, item.id)
            redis.call('ZREM', shard.g, 't' .. entry)
        end
    elseif takes then
        redis.call('HSET', keys.t, item.id, item.version .. item.state)
        redis.call('ZADD', shard.g, decimal(shard.now + TOMBSTONE_TIME - item.age), 't' .. entry)
        if held then
            redis.call('HDEL', keys.i, item.id)
            if redis.call('ZREM', shard.z, entry) == 0 then redis.call('ZREM', keys.y, item.id) end
        end
    end
    if override and (takes or overrides) then
        local is_live = is_instance and takes or held and not takes
        if is_live then
            redis.call('ZREM', shard.g, 'o' .. entry)
        else
            local since = is_instance and 0 or item.age
            redis.call('ZADD', shard.g, decimal(shard.now + OVERRIDE_TIME - since), 'o' .. entry)
        end
    end
    return seq
end

local function put_service(shard, keys, item)
    local held = redis.call('HGET', keys.s, item.id)
    if held and not is_later(item.version, held) then return 0 end
    local seq = append(shard, 'p' .. item.state .. counted(''))
    redis.call('SADD', shard.n, item.namespace)
    redis.call('HSET', keys.s, item.id, item.version .. item.state)
    local entry = 's' .. item.namespace .. '\0' .. item.id
    if item.kept then
        redis.call('ZADD', shard.g, decimal(shard.now + item.kept), entry)
    else
        redis.call('ZREM', shard.g, entry)
    end
    return seq
end

register('a8_put', {}, function(keys, args)
    local count = count_items(args, 2, 10, MOST_PUT)
    bytes_of(args[2], LONGEST_MEMBER, "a member's id")
    local items = {}
    for number = 1, count do items[number] = item_at(args, 10 * number - 7) end
    local shard, namespaces = shard_in(keys, args[1]), {}
    for _, item in ipairs(items) do add_keys(shard, namespaces, item.namespace) end
    check_types(shard, namespaces)

    local before, answer = shard.seq, { 0 }
    for number, item in ipairs(items) do
        local put = item.kind == 's' and put_service or put_id
        answer[number + 1] = put(shard, namespaces[item.namespace], item)
    end
    if shard.seq > before then keep_seq(shard) end
    answer[1] = shard.seq
    return answer
end)

-- Heartbeats ----------------------------------------------------------------------------------------------------------

-- The namespace and the id of an entry of z.
local function parts_of(entry)
    local nul = string.find(entry, '\0', 1, true)
    return string.sub(entry, 1, nul - 1), string.sub(entry, nul + 1)
end

-- A lease is only lengthened here: a member that has not yet heard of a longer lease renews with the shorter one, and an
-- endless one stays so until an instance is put that has another.
register('a8_renew', { 'allow-oom' }, function(keys, args)
    if #args < 3 then refuse('A8ARG', 'takes an epoch, a member, a count and as many items') end
    local count = whole(args[3], MOST_RENEWED, 'a count')
    expect_count(args, 3 + 3 * count)
    if count == 0 then return '' end
    bytes_of(args[2], LONGEST_MEMBER, "a member's id")
    local entries, rests = {}, {}
    for number = 1, count do
        local first = 3 * number + 1
        local id = bytes_of(args[first + 1], LONGEST_NAME, 'an id')
        entries[number], rests[number] = namespace_of(args[first]) .. '\0' .. id, rest_of_lease(args[first + 2])
    end
    local shard = shard_in(keys, args[1])
    local deadlines = redis.call('ZMSCORE', shard.z, unpack(entries))
    local answers, held_back, pairs_of_zadd = {}, {}, {}
    if redis.call('HLEN', shard.b) > 0 then
        for number = 1, count do
            if not deadlines[number] then
                local namespace, id = parts_of(entries[number])
                local key = keys_of(shard, namespace).y
                local deadline = tonumber(redis.call('ZSCORE', key, id) or '')
                held_back[number] = deadline and { key = key, id = id, deadline = deadline }
            end
        end
    end
    for number = 1, count do
        local back, deadline = held_back[number], shard.now + rests[number]
        answers[number] = (deadlines[number] or back) and '1' or '0'
        if deadlines[number] and deadline < math.huge then
            table.insert(pairs_of_zadd, decimal(deadline))
            table.insert(pairs_of_zadd, entries[number])
        elseif back and deadline > back.deadline and deadline < math.huge then
            -- It is like any other lease again.
            redis.call('ZADD', shard.z, 'GT', decimal(deadline), entries[number])
            redis.call('ZREM', back.key, back.id)
        end
    end
    if #pairs_of_zadd > 0 then redis.call('ZADD', shard.z, 'XX', 'GT', unpack(pairs_of_zadd)) end
    return table.concat(answers)
end)

register('a8_heard', {}, function(keys, args)
    expect_count(args, 3)
    bytes_of(args[2], LONGEST_MEMBER, "a member's id")
    bytes_of(args[3], LONGEST_STATE, 'what was heard')
    local shard = shard_in(keys, args[1])
    append(shard, 'h' .. args[3])
    keep_seq(shard)
    return shard.seq
end)

-- The sweep -----------------------------------------------------------------------------------------------------------

-- Notes that a member is there, and holds the sweep where a member may have heartbeats that it could not bring. Returns
-- how many members there are.
local function announce(shard, member, about, grace)
    local now, present, is_anybody_heard = shard.now, 1, false
    local hold, own = 0, nil
    local members = redis.call('ZRANGE', shard.a, 0, -1, 'WITHSCORES')
    for at = 1, #members, 2 do
        -- A clock that was set back makes no announcement a later one.
        local id, told = members[at], tonumber(members[at + 1])
        local last = math.min(now, told)
        if id == member then
            own = last
        else
            local is_silent = now - last > SILENCE
            if is_silent and last + grace <= now then
                redis.call('ZREM', shard.a, id)
                redis.call('HDEL', shard.w, id)
            else
                if now - last <= PRESENCE then present = present + 1 end
                if is_silent then hold = math.max(hold, last + grace) else is_anybody_heard = true end
                if last < told then redis.call('ZADD', shard.a, decimal(last), id) end
            end
        end
    end
    if own then
        if now - own > SILENCE then hold = now + grace end
    elseif not is_anybody_heard and redis.call('ZCARD', shard.z) + redis.call('HLEN', shard.b) > 0 then
        hold = now + grace
    end
    hold_until(shard, hold)
    redis.call('ZADD', shard.a, decimal(now), member)
    if redis.call('HGET', shard.w, member) ~= about then redis.call('HSET', shard.w, member, about) end
    return present
end

-- The entries of z or g whose time is over at a moment, the oldest first.
local function due(key, moment, limit)
    if limit == 0 then return {} end
    return redis.call('ZRANGE', key, '-inf', decimal(moment), 'BYSCORE', 'LIMIT', 0, limit)
end

-- Lets an instance go whose lease is over. It is taken out of z or y by the caller.
local function let_go(shard, keys, namespace, id)
    local value = redis.call('HGET', keys.i, id)
    if not value then return end
    append(shard, 'x' .. struct.pack('>I8', shard.microseconds) .. counted(namespace) .. counted(id) .. string.sub(value, 1, 16))
    redis.call('HDEL', keys.i, id)
    if redis.call('HEXISTS', keys.o, id) == 1 then
        redis.call('ZADD', shard.g, decimal(shard.now + OVERRIDE_TIME), 'o' .. namespace .. '\0' .. id)
    end
end

-- A namespace's minute begins when a lease runs out in it, and another one follows while some are held back: `allowance`
-- is how many may run out in it, by the instances that there are when it begins, and `count` how many have. `since` is
-- when leases were held back first; 0 while none is.
local function minute_of(text)
    local ends, allowance, count, since = string.match(text, '^(%d+) (%S+) (%d+) (%d+)$')
    return { ends = tonumber(ends), allowance = tonumber(allowance), count = tonumber(count), since = tonumber(since), text = text }
end

local function begin_minute(shard, keys, budget, minute)
    local instances = redis.call('HLEN', keys.i)
    minute.allowance = instances < SMALLEST and math.huge or math.max(LEAST, math.floor(instances * budget.share / 100))
    minute.ends, minute.count = shard.now + MINUTE, 0
end

-- Begins the next minute of namespaces in which leases are held back, and lets go as many of these as may, the oldest
-- first. Returns how many went.
local function release(shard, minutes, namespaces, budget, limit)
    local released = 0
    for _, namespace in ipairs(minutes.order) do
        local keys, minute = namespaces[namespace], minutes.of[namespace]
        if budget and minute.ends <= shard.now and redis.call('ZCARD', keys.y) > 0 then
            begin_minute(shard, keys, budget, minute)
        end
        local oldest = released < limit and redis.call('ZRANGE', keys.y, 0, limit - released - 1, 'WITHSCORES') or {}
        for at = 1, #oldest, 2 do
            local is_too_long = budget and tonumber(oldest[at + 1]) + budget.longest <= shard.now
            if budget and not is_too_long and minute.count >= minute.allowance then break end
            redis.call('ZREM', keys.y, oldest[at])
            let_go(shard, keys, namespace, oldest[at])
            minute.count, released = minute.count + 1, released + 1
        end
    end
    return released
end

-- The minute that counts for a lease that runs out now; nil where none does.
local function current_minute(shard, minutes, keys, namespace, budget)
    local minute = minutes.of[namespace]
    if not budget or minute and minute.ends > shard.now then return minute end
    if redis.call('HLEN', keys.i) < SMALLEST then return nil end
    if not minute then
        minute = { since = 0 }
        minutes.of[namespace] = minute
        table.insert(minutes.order, namespace)
    end
    begin_minute(shard, keys, budget, minute)
    return minute
end

-- Lets instances go whose leases are over, as far as the budget allows, and holds the others back. Returns how many went.
local function sweep(shard, minutes, namespaces, budget, overdue)
    if #overdue == 0 then return 0 end
    local swept, deadlines = 0, redis.call('ZMSCORE', shard.z, unpack(overdue))
    for at, entry in ipairs(overdue) do
        local deadline = tonumber(deadlines[at])
        local namespace, id = parts_of(entry)
        local keys = namespaces[namespace]
        local minute = current_minute(shard, minutes, keys, namespace, budget)
        if not budget or not minute or deadline + budget.longest <= shard.now
            or minute.count < minute.allowance and redis.call('ZCARD', keys.y) == 0 then
            let_go(shard, keys, namespace, id)
            swept = swept + 1
            if minute then minute.count = minute.count + 1 end
        else
            redis.call('ZADD', keys.y, decimal(deadline), id)
            if minute.since == 0 then minute.since = shard.now end
        end
    end
    redis.call('ZREM', shard.z, unpack(overdue))
    return swept
end

-- The ids of entries of z by namespace, and the namespaces in the order in which they come first.
local function by_namespace(entries)
    local ids, order = {}, {}
    for _, entry in ipairs(entries) do
        local namespace, id = parts_of(entry)
        local names = ids[namespace]
        if not names then
            names = {}
            ids[namespace] = names
            table.insert(order, namespace)
        end
        names[#names + 1] = id
    end
    return ids, order
end

-- Lets all instances go whose leases are over, the first `count` entries of z, where no budget counts. As many as an event
-- tells of are read, told and taken out with one command each: their values fit into a reply that Redis need not copy, and
-- are still in the cache when they go.
local function sweep_all(shard, namespaces, ids, order, count)
    local sub, call = string.sub, redis.call
    for _, namespace in ipairs(order) do
        local names, keys = ids[namespace], namespaces[namespace]
        local head = 'x' .. struct.pack('>I8', shard.microseconds) .. counted(namespace)
        local has_overrides = call('EXISTS', keys.o) == 1
        for first = 1, #names, MOST_TOLD do
            local last = math.min(first + MOST_TOLD - 1, #names)
            local values, told, size = call('HMGET', keys.i, unpack(names, first, last)), { head }, 1
            for place = first, last do
                local value = values[place - first + 1]
                if value then
                    local name = names[place]
                    told[size + 1], told[size + 2], told[size + 3] = count_of(name), name, sub(value, 1, 16)
                    size = size + 3
                end
            end
            if size > 1 then append(shard, table.concat(told)) end
            call('HDEL', keys.i, unpack(names, first, last))
            local overrides = has_overrides and call('HMGET', keys.o, unpack(names, first, last)) or {}
            for place, override in ipairs(overrides) do
                if override and values[place] then
                    call('ZADD', shard.g, decimal(shard.now + OVERRIDE_TIME), 'o' .. namespace .. '\0' .. names[first + place - 1])
                end
            end
        end
    end
    if count > 0 then call('ZREMRANGEBYRANK', shard.z, 0, count - 1) end
    return count
end

-- Keeps the minutes that are not over. Returns what is held back, in threes: namespace, how many, and since when.
local function keep_minutes(shard, minutes, namespaces)
    local held_back = {}
    for _, namespace in ipairs(minutes.order) do
        local minute, count = minutes.of[namespace], redis.call('ZCARD', namespaces[namespace].y)
        if count == 0 then minute.since = 0 end
        local allowance = minute.allowance == math.huge and 'inf' or decimal(minute.allowance)
        local text = string.format('%.0f %s %.0f %.0f', minute.ends, allowance, minute.count, minute.since)
        if count == 0 and minute.ends <= shard.now then
            redis.call('HDEL', shard.b, namespace)
        elseif text ~= minute.text then
            redis.call('HSET', shard.b, namespace, text)
        end
        if count > 0 then
            table.insert(held_back, namespace)
            table.insert(held_back, count)
            table.insert(held_back, minute.since)
        end
    end
    return held_back
end

-- When the next lease may go, by its end alone; 0 where none will.
local function next_sweep(shard)
    local ends = tonumber(redis.call('ZRANGE', shard.z, 0, 0, 'WITHSCORES')[2] or 'inf')
    return ends < math.huge and ends + SWEEP_DELAY or 0
end

-- Forgets tombstones, overrides and words on services whose time is over.
local function forget(shard, entries, namespaces)
    for _, entry in ipairs(entries) do
        local namespace, id = parts_of(string.sub(entry, 2))
        local keys = namespaces[namespace]
        redis.call('HDEL', keys[string.sub(entry, 1, 1)], id)
        redis.call('ZREM', shard.g, entry)
    end
end

register('a8_tick', { 'allow-oom' }, function(keys, args)
    expect_count(args, 6)
    local member = bytes_of(args[2], LONGEST_MEMBER, "a member's id")
    local about = bytes_of(args[3], LONGEST_ABOUT, 'what a member says of itself')
    local grace = whole(args[4], LONGEST_TIME, 'a grace')
    local limit = whole(args[5], MOST_SWEPT, 'a limit')
    local budget = budget_of(args[6])
    local shard = shard_in(keys, args[1])
    local overdue, forgotten = due(shard.z, shard.now - SWEEP_DELAY, limit), due(shard.g, shard.now, limit)
    local namespaces, minutes, told = {}, { order = {}, of = {} }, redis.call('HGETALL', shard.b)
    local ids, order = by_namespace(overdue)
    for _, namespace in ipairs(order) do add_keys(shard, namespaces, namespace) end
    for _, entry in ipairs(forgotten) do add_keys(shard, namespaces, (parts_of(string.sub(entry, 2)))) end
    for at = 1, #told, 2 do
        add_keys(shard, namespaces, told[at])
        minutes.of[told[at]] = minute_of(told[at + 1])
        table.insert(minutes.order, told[at])
    end
    check_types(shard, namespaces)
    redis.call('HLEN', shard.w)

    local before, present = shard.seq, announce(shard, member, about, grace)
    local swept, more = 0, limit > 0 and #forgotten == limit
    if shard.now >= shard.hold then
        local released = release(shard, minutes, namespaces, budget, limit)
        if budget or #minutes.order > 0 then
            swept = released + sweep(shard, minutes, namespaces, budget, overdue)
        else
            swept = sweep_all(shard, namespaces, ids, order, #overdue)
        end
        more = more or limit > 0 and (#overdue == limit or released == limit)
    end
    forget(shard, forgotten, namespaces)
    local held_back = keep_minutes(shard, minutes, namespaces)
    for namespace, names in pairs(namespaces) do
        if redis.call('EXISTS', names.i, names.t, names.o, names.s) == 0 then redis.call('SREM', shard.n, namespace) end
    end
    if shard.seq > before then keep_seq(shard) end
    return { shard.now, shard.hold, swept, more and 1 or 0, present, shard.seq, held_back, next_sweep(shard) }
end)

register('a8_hold', { 'allow-oom' }, function(keys, args)
    expect_count(args, 2)
    local grace = whole(args[2], LONGEST_TIME, 'a grace')
    local shard = shard_in(keys, args[1])
    hold_until(shard, shard.now + grace)
    return shard.hold
end)

register('a8_leave', { 'allow-oom' }, function(keys, args)
    expect_count(args, 2)
    local shard = shard_in(keys, args[1])
    redis.call('HLEN', shard.w)
    redis.call('ZREM', shard.a, args[2])
    redis.call('HDEL', shard.w, args[2])
    return redis.status_reply('OK')
end)

-- Epochs --------------------------------------------------------------------------------------------------------------

-- Goes on behind the last entry of the stream, should seq have been lost.
local function recover_seq(shard)
    if redis.call('EXISTS', shard.e) == 0 then return end
    local about = redis.call('XINFO', 'STREAM', shard.e)
    for at = 1, #about, 2 do
        if about[at] == 'last-generated-id' then
            shard.seq = math.max(shard.seq, tonumber(string.match(about[at + 1], '^%d+')))
        end
    end
end

-- A server that was restarted or promoted may lack what it had acknowledged, and may since have given the numbers of lost
-- events to other ones. So the first member that finds another server there begins a generation, which changes the epoch:
-- nobody goes on before opening the shard again.
local function begin_generation(shard, run)
    local digits, generation = parts_of_epoch(shard.epoch)
    generation = generation + 1
    recover_seq(shard)
    shard.epoch = digits .. '.' .. decimal(generation)
    redis.call('HSET', shard.m, 'epoch', shard.epoch, 'run', run, 'seq', decimal(shard.seq),
        'base:' .. decimal(generation), decimal(shard.seq))
    redis.call('HDEL', shard.m, 'base:' .. decimal(generation - GENERATIONS))
end

-- The last event that whoever followed an epoch can share with what is stored: those behind it may have been lost. 0 when
-- that is not known any more, '' when all are there, or when the epoch is none of this seed's.
local function base_since(shard, followed)
    local digits, generation = parts_of_epoch(shard.epoch)
    local followed_digits, since = parts_of_epoch(followed)
    if followed_digits ~= digits or not since or since >= generation then return '' end
    if since < generation - GENERATIONS then return 0 end
    local base = shard.seq
    for later = since + 1, generation do
        base = math.min(base, tonumber(redis.call('HGET', shard.m, 'base:' .. decimal(later)) or '0'))
    end
    return base
end

register('a8_open', { 'allow-oom' }, function(keys, args)
    expect_count(args, 3)
    local wanted, run = args[2], bytes_of(args[3], LONGEST_RUN, "a server's run id")
    local generation
    if wanted ~= '' then generation = select(2, parts_of_epoch(wanted)) end
    local shard = shard_of(keys)
    if args[1] ~= SCHEMA then refuse('A8SCHEMA', 'the functions know schema ' .. SCHEMA .. ", not the caller's") end
    if shard.schema and shard.schema ~= SCHEMA then
        refuse('A8SCHEMA', 'schema ' .. shard.schema .. ' is stored here, not ' .. SCHEMA)
    end
    if not shard.epoch then
        if wanted == '' or generation then return { '', 0, shard.now, 0, '' } end
        recover_seq(shard)
        shard.epoch = wanted .. '.1'
        redis.call('HSET', shard.m, 'schema', SCHEMA, 'epoch', shard.epoch, 'run', run, 'seq', decimal(shard.seq),
            'base:1', decimal(shard.seq))
    elseif redis.call('HGET', shard.m, 'run') ~= run then
        begin_generation(shard, run)
    end
    local base = wanted == '' and '' or base_since(shard, wanted)
    return { shard.epoch, shard.seq, shard.now, shard.hold, base }
end)

register('a8_reseed', { 'allow-oom' }, function(keys, args)
    expect_count(args, 2)
    local next_digits, generation = parts_of_epoch(args[2])
    if generation then refuse('A8ARG', 'the next epoch has no generation') end
    local shard = shard_in(keys, args[1])
    local digits, last = parts_of_epoch(shard.epoch)
    if next_digits == digits then refuse('A8ARG', 'the next epoch is the one that is stored') end
    recover_seq(shard)
    local epoch = next_digits .. '.1'
    append(shard, 'c' .. epoch)
    keep_seq(shard)
    for kept = math.max(1, last - GENERATIONS + 1), last do
        redis.call('HDEL', shard.m, 'base:' .. decimal(kept))
    end
    redis.call('HSET', shard.m, 'epoch', epoch, 'base:1', decimal(shard.seq))
    return shard.seq
end)

-- Questions -----------------------------------------------------------------------------------------------------------

register('a8_get', { 'no-writes' }, function(keys, args)
    local count = count_items(args, 1, 2, MOST_ASKED)
    for number = 1, count do namespace_of(args[2 * number]) end
    local shard, answer = shard_in(keys, args[1]), {}
    for number = 1, count do
        local names, id = keys_of(shard, args[2 * number]), args[2 * number + 1]
        local held = redis.call('HGET', names.i, id)
        answer[2 * number - 1] = held and without_lease(held) or redis.call('HGET', names.t, id) or ''
        answer[2 * number] = redis.call('HGET', names.o, id) or ''
    end
    return answer
end)

register('a8_version', { 'no-writes' }, function() return VERSION end)
