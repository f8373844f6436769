-- counting.lua -- the tasks of primes.lua: workers require it by its name.
local counting = {}

local function is_prime(n)
  if n < 4 then return n > 1 end
  for divisor = 2, math.floor(math.sqrt(n)) do
    if n % divisor == 0 then return false end
  end
  return true
end

function counting.primes(first, last)
  local count = 0
  for n = first, last do
    if is_prime(n) then count = count + 1 end
  end
  return count
end

function counting.primes_of_block(block)
  return counting.primes(block * 1000, block * 1000 + 999)
end

function counting.add(a, b)
  return a + b
end

return counting
