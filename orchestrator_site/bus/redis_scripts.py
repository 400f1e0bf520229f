"""What the bus has Redis do in one piece. Times are Redis' own, so that no worker's clock counts.

A queue is a list, pushed at the left and taken at the right, as kombu has it. An item is kombu's JSON, or, once it was
delivered and came back, ``N!JSON``: N tells how often it came back. What is taken stands in the hash ``unacked`` as
``QUEUE\\nITEM`` under a tag that is new with each taking, and in the sorted set ``unacked_index`` with the moment.
"""

from __future__ import annotations

PUSH = """
-- KEYS: the version of the bindings, the queues. ARGV: the version that the sender routed by, the word by which
-- temporary queues are known, the items. Gives the number of queues, or -1 where the bindings are others by now.
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
for i = 2, #KEYS do
  local queue = KEYS[i]
  if not string.find(queue, ARGV[2], 1, true) then
    redis.call('LPUSH', queue, ARGV[i + 1])
  elseif redis.call('EXISTS', queue .. ':alive') == 1 and redis.call('LLEN', queue) < 10000 then
    redis.call('LPUSH', queue, ARGV[i + 1])
    redis.call('PEXPIRE', queue, 60000)
  end
end
return #KEYS - 1
"""
"""A temporary queue whose owner is silent, or does not read, gets nothing: nobody would ever take it away."""

TAKE = """
-- KEYS: queue, unacked, unacked_index, a counter. ARGV: most items, most bytes. Gives tag, item, tag, item …
-- Taking and noting down are one: a consumer that dies after it has asked loses nothing.
local taken, bytes = {}, 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
while #taken < 2 * ARGV[1] and bytes < tonumber(ARGV[2]) do
  local item = redis.call('RPOP', KEYS[1])
  if not item then break end
  -- The moment is in the tag too: a counter begins anew when Redis is emptied, and old tags are still about then.
  local tag = now .. '-' .. redis.call('INCR', KEYS[4])
  redis.call('HSET', KEYS[2], tag, KEYS[1] .. '\\n' .. item)
  redis.call('ZADD', KEYS[3], now, tag)
  taken[#taken + 1] = tag
  taken[#taken + 1] = item
  bytes = bytes + #item
end
return taken
"""

_PUT_BACK = """
local function put_back(unacked, index, tag)
  local noted = redis.call('HGET', unacked, tag)
  redis.call('ZREM', index, tag)
  if not noted then return 0 end
  redis.call('HDEL', unacked, tag)
  local at = string.find(noted, '\\n', 1, true)
  local queue, item = string.sub(noted, 1, at - 1), string.sub(noted, at + 1)
  local times, rest = string.match(item, '^(%d+)!(.*)$')
  redis.call('RPUSH', queue, ((times or 0) + 1) .. '!' .. (rest or item))
  return 1
end
"""

RELEASE = (
    _PUT_BACK
    + """
-- KEYS: unacked, unacked_index. ARGV: tags, the one to be taken first again being the last.
local back = 0
for i = 1, #ARGV do back = back + put_back(KEYS[1], KEYS[2], ARGV[i]) end
return back
"""
)

RESTORE = (
    _PUT_BACK
    + """
-- KEYS: unacked, unacked_index. ARGV: milliseconds after which what was taken is taken to be abandoned, most items.
local time = redis.call('TIME')
local before = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local overdue = redis.call('ZRANGE', KEYS[2], '(' .. before, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2])
local back = 0
for i = 1, #overdue do back = back + put_back(KEYS[1], KEYS[2], overdue[i]) end
return back
"""
)

RENEW = """
-- KEYS: unacked_index. ARGV: tags whose consumer lives.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i]) end
return #ARGV
"""
