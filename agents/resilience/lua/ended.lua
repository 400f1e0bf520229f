-- guarding.ended, guarding.given_back, or both: the ending '' reports nothing. Gives what changed, if anything did.
local agent, places, probes, project = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local place, rules, generation = ARGV[1], rules_from(ARGV[2]), tonumber(ARGV[3])
local ending, retry_after, seconds, why, release = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8] == '1'

local changed = {}

-- circuit.failed
local function failed(c)
  if c.state == 'half_open' and lives(probes, place) then
    local trips = c.trips + 1
    local pause = math.min(rules.longest_pause, rules.pause * 2 ^ math.min(trips - 1, 30))
    return change(agent, probes, c, 'open', 'a probe failed: ' .. why, now + pause, trips)
  end
  if c.state ~= 'closed' or c.generation ~= generation then return {} end
  local failures = {}
  for moment in string.gmatch(c.failures, '%S+') do failures[#failures + 1] = moment end
  failures[#failures + 1] = text(now)
  while #failures > rules.failures do table.remove(failures, 1) end
  if #failures < rules.failures or now - tonumber(failures[1]) > rules.window then
    redis.call('HSET', agent, 'failures', table.concat(failures, ' '))
    keep(agent, c)
    return {}
  end
  local trips = now - c.since <= rules.window and c.trips + 1 or 1
  local pause = math.min(rules.longest_pause, rules.pause * 2 ^ math.min(trips - 1, 30))
  local said = string.format('%d failures within %s s: %s', rules.failures, string.format('%g', rules.window), why)
  return change(agent, probes, c, 'open', said, now + pause, trips)
end

-- rate.answered
local function answered(rate)
  rate.samples = rate.samples + 1
  local share = math.max(0.02, 1 / rate.samples)
  rate.fast = rate.samples == 1 and seconds or rate.fast + 0.3 * (seconds - rate.fast)
  rate.slow = rate.slow + share * (seconds - rate.slow)
  if rules.slow_factor > 0 and rate.samples >= 20 and rate.fast > rules.slow_factor * rate.slow then
    pushed_back(rate, rules)
  elseif rate.rate then
    local grown = rate.rate + rules.increase / math.max(rate.rate, 1)
    if grown >= rules.top then rate.rate = nil else rate.rate = grown end
  end
end

if ending ~= '' then
  local c = load_circuit(agent)
  local asked = ending == 'busy' and retry_after >= 0
  if ending == 'answered' or ending == 'rejected' then
    if c.state == 'half_open' and lives(probes, place) then
      changed = change(agent, probes, c, 'closed', 'a probe succeeded', 0, c.trips)
    end
  elseif ending == 'abandoned' then
    redis.call('ZREM', probes, place)
  elseif asked then
    redis.call('ZREM', probes, place)
    redis.call('HSET', agent, 'paused', text(math.max(c.paused, now + retry_after)))
    keep(agent, c)
  else
    changed = failed(c)
  end
  if rules.adaptive and (ending == 'timed_out' or ending == 'busy' or (ending == 'answered' and seconds >= 0)) then
    local rate = load_rate(agent)
    if ending == 'answered' then answered(rate) else pushed_back(rate, rules) end
    save_rate(agent, rate)
    keep(agent, c)
  end
end

if release then
  redis.call('ZREM', places, place)
  redis.call('ZREM', probes, place)
  redis.call('ZREM', project, place)
end
return changed
