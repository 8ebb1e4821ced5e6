-- Charges a request to its key and its workspace, or to neither. The same arithmetic as in bucket.rs, in microseconds of
-- Redis' own clock: those of the nodes do not matter.
-- KEYS: the key's bucket, the workspace's. ARGV: cost; the key's rate (requests a microsecond) and burst; the workspace's.
-- Answers what is used of both, and whether the request was admitted (1) or not (0).
local SLACK = 1e-6
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local cost = tonumber(ARGV[1])

local function load(name, rate, burst)
  local bucket = { name = name, rate = tonumber(rate), burst = tonumber(burst), used = 0, at = now }
  local stored = redis.call('GET', name)
  if stored then
    local used, at = string.match(stored, '^(%S+) (%S+)$')
    -- A clock that was set back lets nothing leak until it has caught up.
    bucket.at = math.max(tonumber(at), now)
    local leaked = math.max(now - tonumber(at), 0) * bucket.rate
    bucket.used = math.max(math.min(tonumber(used), bucket.burst) - leaked, 0)
  end
  return bucket
end

local function charge(bucket)
  bucket.used = bucket.used + cost
  -- It is forgotten when it is empty: a missing bucket counts as empty.
  local empty_in = math.ceil(bucket.used / bucket.rate / 1000) + 1
  local value = string.format('%.17g %.0f', bucket.used, bucket.at)
  redis.call('SET', bucket.name, value, 'PX', string.format('%.0f', empty_in))
end

local key = load(KEYS[1], ARGV[2], ARGV[3])
local workspace = load(KEYS[2], ARGV[4], ARGV[5])
local admitted = key.used + cost <= key.burst + SLACK and workspace.used + cost <= workspace.burst + SLACK
if admitted then
  charge(key)
  charge(workspace)
end
return { string.format('%.9f', key.used), string.format('%.9f', workspace.used), admitted and 1 or 0 }
