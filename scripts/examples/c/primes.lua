--- Tasks for primes.c.
local primes = {}

local function is_prime(n)
  for d = 2, math.floor(math.sqrt(n)) do
    if n % d == 0 then return false end
  end
  return n >= 2
end

--- How many primes there are from `first` to `last`, and the greatest of them.
function primes.count(first, last)
  local count, greatest = 0, nil
  for n = first, last do
    if is_prime(n) then count, greatest = count + 1, n end
  end
  return count, greatest
end

return primes
