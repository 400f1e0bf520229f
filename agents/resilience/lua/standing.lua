-- How many agents stand, in one round trip: those of which anything is known, as a JSON list of
-- [number, state, left, running, paused, generation, rate]; `left` are seconds of an open circuit, probes of a half
-- open one. Keys are made from the ids here: a thousand agents would be two thousand keys to send.
local known, prefix, ids = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
if redis.call('EXISTS', known) == 0 then return 'unset' end

local rows = {}
local later = '(' .. text(now)
for i, id in ipairs(ids) do
  local v = redis.call('HMGET', prefix .. 'agent:' .. id, 'state', 'until', 'paused', 'generation', 'rate')
  local running = redis.call('ZCOUNT', prefix .. 'places:' .. id, later, '+inf')
  if v[1] or v[3] or v[5] or running > 0 then
    local state, left = v[1] or 'closed', 0
    if state == 'open' then left = math.max(0, num(v[2]) - now) end
    if state == 'half_open' then left = redis.call('ZCOUNT', prefix .. 'probes:' .. id, later, '+inf') end
    local rate = v[5] and v[5] ~= '' and v[5] or '-1'
    local paused = v[3] and math.max(0, num(v[3]) - now) or 0
    -- Put together by hand: half as dear as a table and its encoding, a thousand times over.
    rows[#rows + 1] = '[' .. (i - 1) .. ',"' .. state .. '",' .. left .. ',' .. running .. ',' .. paused .. ','
      .. (v[4] or '0') .. ',' .. rate .. ']'
  end
end
return '[' .. table.concat(rows, ',') .. ']'
