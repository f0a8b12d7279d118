import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Moon, Sun } from 'lucide-react';

/** Light or dark, instead of what the browser prefers; remembered in this browser. */
export function ColorSchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme('light');
  const other = shown === 'light' ? 'dark' : 'light';
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={`Show it ${other}`}
      onClick={() => setColorScheme(other)}
    >
      {other === 'dark' ? <Moon size={18} /> : <Sun size={18} />}
    </ActionIcon>
  );
}
