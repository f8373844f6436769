-- auth.lua -- a passdb whose password hash is slow, as it shall be.
--
-- The hash is computed in a worker process. There it has a limit of time and
-- of memory, and a hash library that crashed would fail one login, and leave
-- the auth process alone.
local tandem = require "tandem"

local PASSDB = dovecot.auth
local users, pool

-- Lines of `user:salt:rounds:hash`, the last in hexadecimal digits.
local function read_users(path)
  local list = {}
  for line in io.lines(path) do
    local name, salt, rounds, hash =
      line:match("^([^:]+):([^:]*):(%d+):(%x+)$")
    if name then
      list[name] = { salt = salt, rounds = tonumber(rounds), hash = hash }
    end
  end
  return list
end

-- The answer must not take the less time the earlier two hashes differ.
local function is_same(a, b)
  local difference = #a ~ #b
  for i = 1, #a do
    difference = difference | a:byte(i) ~ (b:byte(i) or 0)
  end
  return difference == 0
end

function script_init()
  users = read_users(os.getenv("SITE") .. "/users")
  -- Starts nothing yet: the first login does.
  pool = tandem.process_pool {
    max_workers = 2, name = "auth", timeout = 5, exit_timeout = 1,
    memory_limit = 32 << 20,
  }
  return 0
end

function script_deinit()
  pool:shutdown { timeout = 1, kill = true }
end

function auth_password_verify(request, password)
  local user = users[request.user]
  if not user then return PASSDB.PASSDB_RESULT_USER_UNKNOWN, "no such user" end
  local ok, hash = pcall(pool.call, pool, "slow_hash:pbkdf2", password,
    user.salt, user.rounds)
  if not ok then
    dovecot.i_error("tandem: " .. tostring(hash))
    return PASSDB.PASSDB_RESULT_INTERNAL_FAILURE, "cannot check it now"
  elseif is_same(hash, user.hash) then
    return PASSDB.PASSDB_RESULT_OK, {}
  end
  return PASSDB.PASSDB_RESULT_PASSWORD_MISMATCH, "wrong password"
end
