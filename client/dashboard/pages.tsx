import { Pagination } from '@mantine/core';

const STEPS: Readonly<Record<string, string>> = {
  first: 'First page',
  previous: 'Page before',
  next: 'Next page',
  last: 'Last page',
};

/** The way through a list that is too long for one page; nothing for one that is not. */
export function Pages(props: {
  /** What is listed, for who cannot see where the buttons stand. */
  of: string;
  page: number;
  last: number;
  onPage: (page: number) => void;
}) {
  const { of, page, last, onPage } = props;
  if (last <= 1) return null;
  return (
    <nav aria-label={`Pages of ${of}`}>
      <Pagination
        total={last}
        value={page}
        onChange={onPage}
        size="sm"
        siblings={1}
        getControlProps={(step) => ({ 'aria-label': STEPS[step] ?? step })}
        getItemProps={(number) => ({ 'aria-label': `Page ${number}` })}
      />
    </nav>
  );
}
