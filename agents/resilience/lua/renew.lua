-- guarding.renewed for all places of a worker: three keys each; after the lease, its name and the two limits each. Gives
-- the numbers of those that were lost, counted from 0.
local seconds = tonumber(ARGV[1])

local function room(set, place, limit)
  sweep(set)
  return redis.call('ZSCORE', set, place) or redis.call('ZCARD', set) < tonumber(limit)
end

local lost = {}
for i = 0, (#ARGV - 1) / 3 - 1 do
  local places, probes, project = KEYS[i * 3 + 1], KEYS[i * 3 + 2], KEYS[i * 3 + 3]
  local place, agent_places, project_places = ARGV[i * 3 + 2], ARGV[i * 3 + 3], ARGV[i * 3 + 4]
  if room(places, place, agent_places) and room(project, place, project_places) then
    lease(places, place, seconds)
    lease(project, place, seconds)
    if lives(probes, place) then lease(probes, place, seconds) end
  else
    redis.call('ZREM', places, place)
    redis.call('ZREM', probes, place)
    redis.call('ZREM', project, place)
    lost[#lost + 1] = i
  end
end
return lost
