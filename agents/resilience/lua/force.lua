-- circuit.forced, for any number of agents: two keys each, and state, version and reason. An order that is not newer
-- than the one that is known is passed over, so that orders may be set again in any sequence. Where the first argument
-- is 1 these are all there are, and the first key says so from then on. Gives for each what changed: nothing, or state
-- before, state after, why.
local changes = {}
for i = 2, #ARGV, 3 do
  local at = (i - 2) / 3 * 2 + 2
  local agent, probes = KEYS[at], KEYS[at + 1]
  local to, version, why = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local changed = {}
  if version > num(redis.call('HGET', agent, 'version')) then
    local c = load_circuit(agent)
    if c.state == to and is_forced(to) then
      redis.call('HSET', agent, 'why', why)
    elseif is_forced(to) or is_forced(c.state) then
      changed = change(agent, probes, c, to, why, 0, 0)
    end
    redis.call('HSET', agent, 'version', text(version))
    keep(agent, c)
  end
  changes[#changes + 1] = changed
end
if ARGV[1] == '1' then redis.call('SET', KEYS[1], '1') end
return changes
