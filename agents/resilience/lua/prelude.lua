-- What all scripts share. The line before this file sets `now`, in seconds, from the server's own clock.
-- Numbers are written with 17 digits, so that a double comes back as it went: the pure modules and these scripts
-- are compared to the last bit.

local DAY = 86400

local function text(number) return string.format('%.17g', number) end
local function num(value) return tonumber(value or 0) end

local function load_circuit(key)
  local v = redis.call('HMGET', key, 'state', 'since', 'why', 'until', 'trips', 'generation', 'failures', 'paused')
  return {
    state = v[1] or 'closed', since = num(v[2]), why = v[3] or '', ['until'] = num(v[4]), trips = num(v[5]),
    generation = num(v[6]), failures = v[7] or '', paused = num(v[8]),
  }
end

local function is_forced(state) return state == 'forced_open' or state == 'forced_closed' end

-- What an operator forced stays for ever; all else is forgotten after a day without a call.
local function keep(key, circuit)
  if is_forced(circuit.state) then redis.call('PERSIST', key) else redis.call('EXPIRE', key, DAY) end
end

-- Writes a change of state, and gives what is to be reported of it.
local function change(key, probes, c, to, why, till, trips)
  local before = c.state
  c.state, c.since, c.why, c['until'], c.trips, c.failures = to, now, why, till, trips, ''
  c.generation = c.generation + 1
  redis.call('HSET', key, 'state', to, 'since', text(now), 'why', why, 'until', text(till), 'trips', text(trips),
    'generation', text(c.generation), 'failures', '')
  redis.call('DEL', probes)
  keep(key, c)
  return {before, to, why}
end

local function lives(set, place)
  local till = redis.call('ZSCORE', set, place)
  return till and tonumber(till) > now
end

local function sweep(set) redis.call('ZREMRANGEBYSCORE', set, '-inf', text(now)) end

local function lease(set, place, seconds)
  redis.call('ZADD', set, text(now + seconds), place)
  redis.call('EXPIRE', set, math.ceil(seconds) + 60)
end

-- Rules come as one JSON list, in the order of `shared.py`; a limit below zero is none.
local function rules_from(json)
  local r = cjson.decode(json)
  return {
    places = r[1], lease = r[2], failures = r[3], window = r[4], pause = r[5], longest_pause = r[6], probes = r[7],
    limit = r[8] >= 0 and r[8] or nil, adaptive = r[9] == 1, top = r[10], bottom = r[11], increase = r[12],
    decrease = r[13], slow_factor = r[14],
  }
end

local function load_rate(key)
  local v = redis.call('HMGET', key, 'rate', 'tokens', 'at', 'cut_at', 'second', 'sent', 'before', 'fast', 'slow', 'samples')
  return {
    rate = v[1] and v[1] ~= '' and tonumber(v[1]) or nil, tokens = num(v[2]), at = num(v[3]), cut_at = num(v[4]),
    second = num(v[5]), sent = num(v[6]), before = num(v[7]), fast = num(v[8]), slow = num(v[9]), samples = num(v[10]),
  }
end

local function save_rate(key, r)
  redis.call('HSET', key, 'rate', r.rate and text(r.rate) or '', 'tokens', text(r.tokens), 'at', text(r.at),
    'cut_at', text(r.cut_at), 'second', text(r.second), 'sent', text(r.sent), 'before', text(r.before),
    'fast', text(r.fast), 'slow', text(r.slow), 'samples', text(r.samples))
end

local function in_force(rate, rules)
  if not rate.rate then return rules.limit end
  return rules.limit and math.min(rate.rate, rules.limit) or rate.rate
end

local function refilled(rate, pace)
  return math.min(math.max(1, pace), rate.tokens + (now - rate.at) * pace)
end

local function pushed_back(rate, rules)
  if not rules.adaptive or now - rate.cut_at < 1 then return end
  local pace = in_force(rate, rules)
  local second = math.floor(now)
  local rest = 1 - (now - second)
  local called = 0
  if second == rate.second then
    called = rate.before * rest + rate.sent
  elseif second == rate.second + 1 then
    called = rate.sent * rest
  end
  local cut = math.min(pace or rules.top, math.max(called, rules.bottom)) * rules.decrease
  rate.rate, rate.tokens, rate.at, rate.cut_at = math.max(rules.bottom, cut), 0, now, now
end
