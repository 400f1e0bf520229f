-- guarding.admit: all or nothing. Gives 'let', generation, probe; 'held', barrier, wait; or 'unset', where forced
-- circuits have to be set first; then what changed, if anything did.
local known, agent, places, probes, project = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local place, rules, project_places = ARGV[1], rules_from(ARGV[2]), tonumber(ARGV[3])

if redis.call('EXISTS', known) == 0 then return {'unset'} end

local c = load_circuit(agent)
if c.paused > now then return {'held', 'paused', text(c.paused - now)} end

-- 1. The circuit: circuit.wait
if c.state == 'forced_open' then
  return {'held', 'circuit', text(rules.pause)}
elseif c.state == 'open' and c['until'] > now then
  return {'held', 'circuit', text(c['until'] - now)}
elseif c.state == 'half_open' then
  sweep(probes)
  if not redis.call('ZSCORE', probes, place) and redis.call('ZCARD', probes) >= rules.probes then
    local first = redis.call('ZRANGE', probes, 0, 0, 'WITHSCORES')
    return {'held', 'circuit', text(math.min(1, tonumber(first[2]) - now))}
  end
end

-- 2. The bulkheads: places.room_for
sweep(places)
if redis.call('ZCARD', places) >= rules.places and not redis.call('ZSCORE', places, place) then
  return {'held', 'agent_full', '0.5'}
end
sweep(project)
if redis.call('ZCARD', project) >= project_places and not redis.call('ZSCORE', project, place) then
  return {'held', 'project_full', '0.5'}
end

-- 3. The rate: rate.wait and rate.sent
if rules.limit or rules.adaptive then
  local rate = load_rate(agent)
  local pace = in_force(rate, rules)
  if pace then
    local tokens = refilled(rate, pace)
    if tokens < 1 then return {'held', 'rate', text((1 - tokens) / pace)} end
    rate.tokens, rate.at = tokens - 1, now
  end
  if rules.adaptive then
    local second = math.floor(now)
    if second == rate.second then
      rate.sent = rate.sent + 1
    else
      rate.before = second == rate.second + 1 and rate.sent or 0
      rate.second, rate.sent = second, 1
    end
  end
  save_rate(agent, rate)
  keep(agent, c)
end

-- 4. All is free: circuit.let_through and the two places
local changed
if c.state == 'open' then changed = change(agent, probes, c, 'half_open', 'its pause is over', 0, c.trips) end
local probe = 0
if c.state == 'half_open' then
  lease(probes, place, rules.lease)
  probe = 1
end
lease(places, place, rules.lease)
lease(project, place, rules.lease)
local answer = {'let', text(c.generation), text(probe)}
if changed then for _, part in ipairs(changed) do answer[#answer + 1] = part end end
return answer
